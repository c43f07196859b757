import { parseCron, type Cron } from './cron';
import { isValidTimezone, lastFireBetween, nextFire, occurrencesBetween } from './next-fire';

function cron(expression: string): Cron {
  const parsed = parseCron(expression);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.cron;
}

function next(expression: string, timezone: string, after: string): string {
  return nextFire(cron(expression), timezone, new Date(after)).toISOString();
}

function fires(expression: string, timezone: string, after: string, count: number): string[] {
  const forever = new Date('9999-01-01T00:00:00Z');
  return occurrencesBetween(cron(expression), timezone, new Date(after), forever, count).map((at) => at.toISOString());
}

describe('nextFire in UTC', () => {
  it.each([
    ['* * * * *', '2025-01-01T00:00:00Z', '2025-01-01T00:01:00.000Z'],
    ['* * * * *', '2025-01-01T00:00:00.001Z', '2025-01-01T00:01:00.000Z'],
    ['* * * * *', '2024-12-31T23:59:59.999Z', '2025-01-01T00:00:00.000Z'],
    ['*/15 * * * *', '2025-01-01T00:45:00Z', '2025-01-01T01:00:00.000Z'],
    ['31,59 * * * *', '2025-01-01T00:10:00Z', '2025-01-01T00:31:00.000Z'],
    ['0 9 * * mon-fri', '2025-01-03T09:00:00Z', '2025-01-06T09:00:00.000Z'],
    ['0 0 31 * *', '2025-01-31T00:00:00Z', '2025-03-31T00:00:00.000Z'],
    ['59 23 31 12 *', '2025-12-31T23:59:00Z', '2026-12-31T23:59:00.000Z'],
    ['0 0 * * 7', '2025-01-01T00:00:00Z', '2025-01-05T00:00:00.000Z'],
    ['30 3 29 2 *', '2024-02-29T03:30:00Z', '2028-02-29T03:30:00.000Z'],
    ['0 0 29 2 *', '2096-02-29T00:00:00Z', '2104-02-29T00:00:00.000Z'],
    ['0 0 29 2 */7', '2072-02-28T00:00:00Z', '2088-02-29T00:00:00.000Z'],
    ['* * * * *', '1969-12-31T23:58:30.500Z', '1969-12-31T23:59:00.000Z'],
  ])('%s after %s', (expression, after, expected) => {
    expect(next(expression, 'UTC', after)).toBe(expected);
  });

  it('fires on either day field where both are restricted', () => {
    expect(fires('0 0 13 * fri', 'UTC', '2025-06-01T00:00:00Z', 5).map((at) => at.slice(0, 10))).toEqual([
      '2025-06-06',
      '2025-06-13',
      '2025-06-20',
      '2025-06-27',
      '2025-07-04',
    ]);
    expect(fires('0 0 15 * fri', 'UTC', '2025-06-12T00:00:00Z', 3).map((at) => at.slice(0, 10))).toEqual([
      '2025-06-13',
      '2025-06-15',
      '2025-06-20',
    ]);
  });

  it('wants both day fields where one begins with a star', () => {
    expect(fires('0 0 */10 * fri', 'UTC', '2025-01-01T00:00:00Z', 3).map((at) => at.slice(0, 10))).toEqual([
      '2025-01-31',
      '2025-02-21',
      '2025-03-21',
    ]);
  });

  it('finds February 29th on any one weekday, up to 40 years away', () => {
    const weekday = new Date('2072-02-29T00:00:00Z').getUTCDay();
    expect(weekday).toBe(1);
    const onMondays = fires('0 0 29 2 */7', 'UTC', '2060-01-01T00:00:00Z', 2);
    expect(onMondays.map((at) => at.slice(0, 10))).toEqual(['2060-02-29', '2088-02-29']);
    const mondaysOnly = fires('0 0 */28 2 mon', 'UTC', '2073-01-01T00:00:00Z', 40).filter((at) =>
      at.includes('-02-29'),
    );
    expect(mondaysOnly[0]?.slice(0, 10)).toBe('2112-02-29');
  });

  it.each([
    ['Etc/GMT+5', '2025-01-01T17:00:00.000Z'],
    ['Etc/GMT-14', '2025-01-01T22:00:00.000Z'],
    ['GMT', '2025-01-01T12:00:00.000Z'],
    ['Asia/Kolkata', '2025-01-01T06:30:00.000Z'],
    ['Asia/Kathmandu', '2025-01-01T06:15:00.000Z'],
    ['europe/berlin', '2025-01-01T11:00:00.000Z'],
  ])('reads the clock of %s', (timezone, expected) => {
    expect(next('0 12 * * *', timezone, '2025-01-01T00:00:00Z')).toBe(expected);
  });
});

describe('nextFire where clocks go forward', () => {
  it('fires a skipped time at the first instant after the gap (Berlin, 02:00 to 03:00)', () => {
    expect(next('30 2 * * *', 'Europe/Berlin', '2025-03-29T12:00:00Z')).toBe('2025-03-30T01:00:00.000Z');
    expect(next('30 2 * * *', 'Europe/Berlin', '2025-03-30T01:00:00Z')).toBe('2025-03-31T00:30:00.000Z');
  });

  it('makes one fire of several skipped times and a match at the end of the gap', () => {
    expect(fires('*/20 2,3 * * *', 'Europe/Berlin', '2025-03-30T00:00:00Z', 3)).toEqual([
      '2025-03-30T01:00:00.000Z',
      '2025-03-30T01:20:00.000Z',
      '2025-03-30T01:40:00.000Z',
    ]);
  });

  it('handles a gap of 30 minutes (Lord Howe, 02:00 to 02:30)', () => {
    expect(fires('15 2 * * *', 'Australia/Lord_Howe', '2025-10-04T00:00:00Z', 3)).toEqual([
      '2025-10-04T15:30:00.000Z', // 02:30 +11, the 5th
      '2025-10-05T15:15:00.000Z', // 02:15 +11, the 6th
      '2025-10-06T15:15:00.000Z',
    ]);
  });

  it('handles a gap at midnight (São Paulo 2018, Cairo 2024)', () => {
    expect(next('0 0 * * *', 'America/Sao_Paulo', '2018-11-03T12:00:00Z')).toBe('2018-11-04T03:00:00.000Z'); // 01:00 -02
    expect(next('0 0 * * *', 'Africa/Cairo', '2024-04-25T12:00:00Z')).toBe('2024-04-25T22:00:00.000Z'); // 01:00 +03
    expect(next('59 0 26 4 *', 'Africa/Cairo', '2024-04-25T12:00:00Z')).toBe('2024-04-25T22:00:00.000Z');
  });

  it('handles days that never were (Apia 2011-12-30, Kwajalein 1993-08-21)', () => {
    expect(fires('0 12 * * *', 'Pacific/Apia', '2011-12-29T00:00:00Z', 3)).toEqual([
      '2011-12-29T22:00:00.000Z', // noon of the 29th, -10
      '2011-12-30T10:00:00.000Z', // noon of the 30th, skipped: midnight of the 31st, +14
      '2011-12-30T22:00:00.000Z', // noon of the 31st
    ]);
    expect(next('0 12 30 12 *', 'Pacific/Apia', '2011-12-01T00:00:00Z')).toBe('2011-12-30T10:00:00.000Z');
    expect(next('*/5 * 21 8 *', 'Pacific/Kwajalein', '1993-08-01T00:00:00Z')).toBe('1993-08-21T12:00:00.000Z');
  });
});

describe('nextFire where clocks go back', () => {
  it('fires a repeated time the first time only (Berlin, 03:00 to 02:00)', () => {
    expect(fires('30 2 * * *', 'Europe/Berlin', '2025-10-25T12:00:00Z', 2)).toEqual([
      '2025-10-26T00:30:00.000Z', // 02:30 +02
      '2025-10-27T01:30:00.000Z', // 02:30 +01
    ]);
    expect(next('30 2 * * *', 'Europe/Berlin', '2025-10-26T01:10:00Z')).toBe('2025-10-27T01:30:00.000Z');
  });

  it('lets steps and stars pause during the repeated hour as well', () => {
    expect(fires('*/30 * * * *', 'Europe/Berlin', '2025-10-25T23:45:00Z', 4)).toEqual([
      '2025-10-26T00:00:00.000Z', // 02:00 +02
      '2025-10-26T00:30:00.000Z', // 02:30 +02
      '2025-10-26T02:00:00.000Z', // 03:00 +01
      '2025-10-26T02:30:00.000Z',
    ]);
  });

  it('fires at the very end of the repeated time, also when asked in the middle of it', () => {
    for (const after of [
      '2025-10-26T00:59:59Z',
      '2025-10-26T01:00:00Z',
      '2025-10-26T01:30:00Z',
      '2025-10-26T01:59:59Z',
    ]) {
      expect(next('0 3 * * *', 'Europe/Berlin', after)).toBe('2025-10-26T02:00:00.000Z'); // 03:00 +01
      expect(next('* * * * *', 'Europe/Berlin', after)).toBe('2025-10-26T02:00:00.000Z');
    }
  });

  it('does not fire midnight twice (São Paulo 2018)', () => {
    expect(fires('0 0 * * *', 'America/Sao_Paulo', '2018-02-17T00:00:00Z', 3)).toEqual([
      '2018-02-17T02:00:00.000Z',
      '2018-02-18T03:00:00.000Z', // the 17th ended with 23:00 twice
      '2018-02-19T03:00:00.000Z',
    ]);
    expect(fires('0 23 17 2 *', 'America/Sao_Paulo', '2018-02-17T00:00:00Z', 2)).toEqual([
      '2018-02-18T01:00:00.000Z',
      '2019-02-18T02:00:00.000Z',
    ]);
  });
});

describe('nextFire with old and far instants', () => {
  it('keeps seconds of historic offsets (Monrovia was at -00:44:30 until 1972)', () => {
    expect(next('0 12 * * *', 'Africa/Monrovia', '1960-01-01T00:00:00Z')).toBe('1960-01-01T12:44:30.000Z');
    expect(fires('*/30 0 7 1 *', 'Africa/Monrovia', '1972-01-06T00:00:00Z', 2)).toEqual([
      '1972-01-07T00:44:30.000Z', // the clock goes from 00:00:00 to 00:44:30 and swallows 00:30 as well
      '1973-01-07T00:00:00.000Z',
    ]);
  });

  it('survives a day lived twice (Manila 1844 skipped one, Juneau 1867 repeated one)', () => {
    const inJuneau = occurrencesBetween(
      cron('0 0 * * *'),
      'America/Juneau',
      new Date('1867-10-15T00:00:00Z'),
      new Date('1867-10-22T00:00:00Z'),
      20,
    );
    const gaps = inJuneau.slice(1).map((at, index) => (at.getTime() - (inJuneau[index]?.getTime() ?? 0)) / 3_600_000);
    expect(gaps.filter((hours) => hours !== 24)).toEqual([48]);
  });

  it('throws a RangeError for dates that are none and beyond the last one', () => {
    expect(() => nextFire(cron('* * * * *'), 'UTC', new Date(Number.NaN))).toThrow(RangeError);
    expect(() => nextFire(cron('* * * * *'), 'UTC', new Date(8.64e15))).toThrow(RangeError);
    expect(() => nextFire(cron('* * * * *'), 'Europe/Berlin', new Date(8.64e15))).toThrow(RangeError);
    expect(() => nextFire(cron('* * * * *'), 'Mars/Olympus', new Date(0))).toThrow(RangeError);
  });
});

describe('occurrencesBetween', () => {
  it('leaves out the first bound, includes the second, and stops at the limit', () => {
    const every = cron('0 * * * *');
    const from = new Date('2025-01-01T00:00:00Z');
    const until = new Date('2025-01-01T03:00:00Z');
    expect(occurrencesBetween(every, 'UTC', from, until, 10).map((at) => at.getUTCHours())).toEqual([1, 2, 3]);
    expect(occurrencesBetween(every, 'UTC', from, until, 2).map((at) => at.getUTCHours())).toEqual([1, 2]);
    expect(occurrencesBetween(every, 'UTC', until, from, 10)).toEqual([]);
    expect(occurrencesBetween(every, 'UTC', from, until, 0)).toEqual([]);
  });
});

describe('lastFireBetween', () => {
  it.each(['* * * * *', '*/7 3 * * *', '30 2 * * *', '0 9 26 * *', '* * 27 10 *'])(
    '%s: the last of all there are',
    (expression) => {
      const from = new Date('2024-10-25T12:34:56Z');
      for (const until of [
        '2024-10-25T12:34:57Z',
        '2024-10-27T01:30:00Z',
        '2024-10-27T00:59:00Z',
        '2024-10-28T00:00:00Z',
        '2024-01-01T00:00:00Z',
      ]) {
        const all = occurrencesBetween(cron(expression), 'Europe/Berlin', from, new Date(until), 100_000);
        expect(lastFireBetween(cron(expression), 'Europe/Berlin', from, new Date(until))).toEqual(all.at(-1) ?? null);
      }
    },
  );
});

describe('isValidTimezone', () => {
  it.each([
    'UTC',
    'Europe/Berlin',
    'America/Argentina/Buenos_Aires',
    'Etc/GMT+5',
    'EST',
    'GMT',
    'Asia/Kolkata',
    'US/Pacific',
  ])('takes %s', (timezone) => {
    expect(isValidTimezone(timezone)).toBe(true);
  });

  it.each([
    '',
    'Mars/Olympus',
    'Berlin',
    '+05:30',
    '+0530',
    'UTC+1',
    'Z',
    'BST',
    'IST',
    'PST',
    'SystemV/PST8',
    'localtime',
    'Europe/Berlin ',
    'Europe/../UTC',
    'x'.repeat(200),
  ])('refuses %j', (timezone) => {
    expect(isValidTimezone(timezone)).toBe(false);
  });
});
