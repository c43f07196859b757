import { parseCron, type Cron, civilDateOf, dayNumberOf, daysInMonth, weekdayOf } from './cron';
import fc from 'fast-check';

/** The values of a bit set, for reading in expectations. */
function values(bits: number, first: number): number[] {
  return Array.from({ length: 31 }, (_, bit) => bit)
    .filter((bit) => ((bits >>> bit) & 1) === 1)
    .map((bit) => bit + first);
}

function parsed(expression: string): Cron {
  const result = parseCron(expression);
  if (!result.ok) throw new Error(result.message);
  return result.cron;
}

function fields(expression: string): Record<string, number[]> {
  const cron = parsed(expression);
  return {
    minutes: [...values(cron.minutesLow, 0), ...values(cron.minutesHigh, 30)],
    hours: values(cron.hours, 0),
    days: values(cron.daysOfMonth, 1),
    months: values(cron.months, 1),
    weekdays: values(cron.daysOfWeek, 0),
  };
}

function numbers(from: number, to: number, step = 1): number[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);
}

describe('parseCron accepts', () => {
  it('stars, as every value of their field', () => {
    expect(fields('* * * * *')).toEqual({
      minutes: numbers(0, 59),
      hours: numbers(0, 23),
      days: numbers(1, 31),
      months: numbers(1, 12),
      weekdays: numbers(0, 6),
    });
  });

  it.each([
    ['*/15', [0, 15, 30, 45]],
    ['10-40/5', numbers(10, 40, 5)],
    ['10-42/15', [10, 25, 40]],
    ['59', [59]],
    ['0,29,30,59', [0, 29, 30, 59]],
    ['05', [5]],
    ['1-3,2-5,50', [1, 2, 3, 4, 5, 50]],
    ['*/40,7', [0, 7, 40]],
    ['*/60', [0]],
    ['5-5', [5]],
  ])('minute %s', (minute, expected) => {
    expect(fields(`${minute} * * * *`).minutes).toEqual(expected);
  });

  it.each([
    ['jan', [1]],
    ['DEC', [12]],
    ['Jan-mar', [1, 2, 3]],
    ['jan,6,oct-12', [1, 6, 10, 11, 12]],
    ['*/5', [1, 6, 11]],
    ['feb-nov/3', [2, 5, 8, 11]],
  ])('month %s', (month, expected) => {
    expect(fields(`0 0 * ${month} *`).months).toEqual(expected);
  });

  it.each([
    ['0', [0]],
    ['7', [0]],
    ['sun', [0]],
    ['0-7', numbers(0, 6)],
    ['5-7', [0, 5, 6]],
    ['mon-FRI', numbers(1, 5)],
    ['mon,wed-5,7', [0, 1, 3, 4, 5]],
    ['*/2', [0, 2, 4, 6]],
    ['*/7', [0]],
    ['1-7/3', [0, 1, 4]],
  ])('day-of-week %s', (weekday, expected) => {
    expect(fields(`0 0 * * ${weekday}`).weekdays).toEqual(expected);
  });

  it('the whole range of hours and days of the month', () => {
    expect(fields('0 0-23/23 1,31 * *')).toMatchObject({ hours: [0, 23], days: [1, 31] });
  });

  it.each([
    ['@yearly', '0 0 1 1 *'],
    ['@annually', '0 0 1 1 *'],
    ['@monthly', '0 0 1 * *'],
    ['@weekly', '0 0 * * 0'],
    ['@daily', '0 0 * * *'],
    ['@midnight', '0 0 * * *'],
    ['@hourly', '0 * * * *'],
    ['@Daily', '0 0 * * *'],
    ['  30\t9  *   * mon-fri ', '30 9 * * 1-5'],
  ])('%j as %s', (expression, same) => {
    expect(parsed(expression)).toEqual(parsed(same));
  });

  it.each([
    ['0 0 13 * fri', 'either'],
    ['0 0 1-31 * 1', 'either'],
    ['0 0 * * fri', 'both'],
    ['0 0 13 * *', 'both'],
    ['0 0 */2 * fri', 'both'],
    ['0 0 13 * */2', 'both'],
    ['0 0 *,13 * fri', 'both'],
    ['0 0 13,*/9 * fri', 'either'],
  ])('%s with the day rule %s', (expression, rule) => {
    expect(parsed(expression).dayRule).toBe(rule);
  });

  it.each(['0 0 29 2 *', '0 0 31 1,2 *', '0 0 30 2 mon', '0 0 */30 2 mon', '0 0 29 2 */3'])(
    'rare but real: %s',
    (expression) => {
      expect(parseCron(expression).ok).toBe(true);
    },
  );
});

describe('parseCron refuses', () => {
  it.each([
    ['', 'is empty'],
    ['   ', 'is empty'],
    ['* * * *', 'has 4 fields; exactly five are expected'],
    ['*', 'has 1 field; exactly five'],
    [
      '0 * * * * *',
      'has 6 fields; exactly five are expected: minute hour day-of-month month day-of-week; seconds and years are not supported',
    ],
    ['* * * *\n*', 'contains a line break'],
    ['*\u00a0* * * *', 'has 4 fields'],
    [`${'1,'.repeat(600)}1 * * * *`, 'longer than 1000 characters'],
    ['@reboot', '"@reboot" is not supported'],
    ['@every 5m', '"@every 5m" is unknown; use one of @yearly'],
    ['61 * * * *', 'minute: "61" is out of range; allowed is 0-59'],
    ['60 * * * *', 'minute: "60" is out of range; allowed is 0-59'],
    ['5-64/30 * * * *', 'minute: "64" is out of range'],
    ['99999999999999999999999 * * * *', 'minute: "99999999999999999999…" is out of range'],
    ['-5 * * * *', 'minute: "-5" is not a value of this field; allowed is 0-59'],
    ['1.5 * * * *', 'minute: "1.5" is not a value of this field'],
    ['0x1 * * * *', 'minute: "0x1" is not a value'],
    ['١ * * * *', 'minute: "١" is not a value'],
    ['H * * * *', 'minute: "H" is not supported (Jenkins'],
    ['H/15 * * * *', 'minute: "H" is not supported'],
    ['H(0-29) * * * *', 'minute: "H(0" is not supported'],
    ['0~30 * * * *', 'minute: "0~30" is not supported'],
    ['*/0 * * * *', 'minute: "*/0" has step 0; allowed is a step of 1-60'],
    ['*/61 * * * *', 'minute: "*/61" has step 61; allowed is a step of 1-60'],
    ['*/ * * * *', 'minute: "*/" needs a number after "/"'],
    ['*/-5 * * * *', 'minute: "*/-5" needs a number'],
    ['*/5/2 * * * *', 'minute: "*/5/2" has more than one step'],
    ['/5 * * * *', 'minute: "/" needs * or a range before it'],
    ['5/15 * * * *', 'minute: "5/15" has a step without a range; write 5-59/15'],
    ['30-10 * * * *', 'minute: "30-10" is a range that runs backwards; allowed is 0-59'],
    ['10- * * * *', 'minute: "10-" lacks the end of its range'],
    ['1-2-3 * * * *', 'minute: "2-3" is not a value'],
    ['** * * * *', 'minute: "**" is not a value; * stands alone'],
    ['*-5 * * * *', 'minute: "*" is not a value; * stands alone'],
    ['1,,2 * * * *', 'minute: "1,,2" has an empty entry in its list'],
    [', * * * *', 'minute: "," has an empty entry'],
    ['1, * * * *', 'minute: "1," has an empty entry'],
    ['mon * * * *', 'minute: "mon" is not a value of this field; allowed is 0-59'],
    ['0 24 * * *', 'hour: "24" is out of range; allowed is 0-23'],
    ['0 */25 * * *', 'hour: "*/25" has step 25; allowed is a step of 1-24'],
    ['0 0 0 * *', 'day-of-month: "0" is out of range; allowed is 1-31'],
    ['0 0 32 * *', 'day-of-month: "32" is out of range'],
    ['0 0 ? * *', 'day-of-month: "?" is not supported, write * instead'],
    ['0 0 L * *', 'day-of-month: "L" is not supported (L, W and # are from Quartz)'],
    ['0 0 15W * *', 'day-of-month: "15W" is not supported'],
    ['0 0 LW * *', 'day-of-month: "LW" is not supported'],
    ['0 0 jan * *', 'day-of-month: "jan" is not a value'],
    ['0 0 * 0 *', 'month: "0" is out of range; allowed is 1-12 or jan-dec'],
    ['0 0 * 13 *', 'month: "13" is out of range'],
    ['0 0 * mon *', 'month: "mon" is not a value'],
    ['0 0 * january *', 'month: "january" is not a value'],
    ['0 0 * dec-feb *', 'month: "dec-feb" is a range that runs backwards'],
    ['0 0 * * 8', 'day-of-week: "8" is out of range; allowed is 0-7 or sun-sat'],
    ['0 0 * * */8', 'day-of-week: "*/8" has step 8; allowed is a step of 1-7'],
    ['0 0 * * jan', 'day-of-week: "jan" is not a value'],
    ['0 0 * * monday', 'day-of-week: "monday" is not a value'],
    ['0 0 * * fri-sun', 'day-of-week: "fri-sun" is a range that runs backwards; for a range up to Sunday write 7'],
    ['0 0 * * 5#3', 'day-of-week: "5#3" is not supported'],
    ['0 0 * * 5L', 'day-of-week: "5L" is not supported'],
    ['0 0 * * friL', 'day-of-week: "friL" is not supported'],
    ['0 0 30 2 *', 'never fires: no month in "2" has a day-of-month "30"'],
    ['0 0 31 2,4,6,9,11 *', 'never fires'],
    ['0 0 31 apr */2', 'never fires'],
  ])('%j', (expression, message) => {
    expect(parseCron(expression)).toEqual({ ok: false, message: expect.stringContaining(message) });
  });
});

const DAY_MS = 86_400_000;

describe('civil dates', () => {
  it('agree with Date over its whole range', () => {
    fc.assert(
      fc.property(fc.integer({ min: -100_000_000, max: 100_000_000 }), (dayNumber) => {
        const date = new Date(dayNumber * DAY_MS);
        const civil = civilDateOf(dayNumber);
        expect(civil).toEqual({ year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() });
        expect(dayNumberOf(civil.year, civil.month, civil.day)).toBe(dayNumber);
        expect(weekdayOf(dayNumber)).toBe(date.getUTCDay());
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    [2024, 2, 29],
    [2023, 2, 28],
    [2000, 2, 29],
    [2100, 2, 28],
    [2024, 4, 30],
    [2024, 12, 31],
  ])('%d-%d has %d days', (year, month, days) => {
    expect(daysInMonth(year, month)).toBe(days);
  });
});
