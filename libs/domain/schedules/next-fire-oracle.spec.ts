import fc from 'fast-check';
import { firesOnWalk, walkWallClock, type ClockReading, type WalkStep } from '@test/fakes/wall-clock-walk';
import { parseCron } from './cron';
import { nextFire, occurrencesBetween } from './next-fire';

const HOUR_MS = 3_600_000;

/** Changes of every kind: forward and back, by 15 and 30 minutes, 1, 2, 3 and 24 hours, at midnight, off the hour. */
const CHANGES: readonly (readonly [timezone: string, near: string])[] = [
  ['Europe/Berlin', '2025-03-30T01:00Z'],
  ['Europe/Berlin', '2025-10-26T01:00Z'],
  ['America/New_York', '2025-03-09T07:00Z'],
  ['America/New_York', '2025-11-02T06:00Z'],
  ['America/St_Johns', '2010-03-14T03:31Z'],
  ['America/St_Johns', '2010-11-07T02:31Z'],
  ['Australia/Lord_Howe', '2025-04-05T15:00Z'],
  ['Australia/Lord_Howe', '2025-10-04T15:30Z'],
  ['America/Sao_Paulo', '2018-02-18T02:00Z'],
  ['America/Sao_Paulo', '2018-11-04T03:00Z'],
  ['Africa/Cairo', '2024-04-25T22:00Z'],
  ['Africa/Cairo', '2024-10-31T21:00Z'],
  ['Africa/Casablanca', '2024-03-10T02:00Z'],
  ['Africa/Casablanca', '2024-04-14T02:00Z'],
  ['Antarctica/Troll', '2025-03-30T01:00Z'],
  ['Antarctica/Troll', '2025-10-26T01:00Z'],
  ['Antarctica/Casey', '2010-03-04T15:00Z'],
  ['Asia/Kathmandu', '1985-12-31T18:30Z'],
  ['Asia/Pyongyang', '2015-08-14T15:00Z'],
  ['Asia/Pyongyang', '2018-05-04T15:00Z'],
  ['America/Caracas', '2007-12-09T07:00Z'],
  ['Pacific/Apia', '2011-12-30T10:00Z'],
  ['Pacific/Kwajalein', '1993-08-21T12:00Z'],
  ['Asia/Kolkata', '2025-01-01T00:00Z'],
  ['UTC', '2025-03-01T00:00Z'],
];

interface Field {
  readonly text: string;
  readonly values: ReadonlySet<number>;
}

/** A list of values, ranges and steps whose meaning is known without parsing it; `highest` narrows all but the stars. */
function fieldOf(min: number, max: number, size: number, highest = max): fc.Arbitrary<Field> {
  const spread = (from: number, to: number, step: number): number[] =>
    Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);
  const value = fc.integer({ min, max: highest });
  const step = fc.integer({ min: 1, max: size });
  const ranges = fc.tuple(value, value).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
  const entry = fc.oneof(
    value.map((n) => ({ text: `${n}`, values: [n] })),
    ranges.map(([from, to]) => ({ text: `${from}-${to}`, values: spread(from, to, 1) })),
    fc.tuple(ranges, step).map(([[from, to], by]) => ({ text: `${from}-${to}/${by}`, values: spread(from, to, by) })),
    step.map((by) => ({ text: `*/${by}`, values: spread(min, max, by) })),
  );
  const list = fc.array(entry, { minLength: 1, maxLength: 3 }).map((entries) => ({
    text: entries.map((part) => part.text).join(','),
    values: new Set(entries.flatMap((part) => part.values)),
  }));
  const star = fc.constant({ text: '*', values: new Set(spread(min, max, 1)) });
  return fc.oneof({ weight: 2, arbitrary: list }, { weight: 1, arbitrary: star });
}

const anyCron = fc
  .record({
    minute: fieldOf(0, 59, 60),
    hour: fc.oneof(fieldOf(0, 23, 24), fieldOf(0, 23, 24, 4)),
    day: fieldOf(1, 31, 31),
    month: fieldOf(1, 12, 12),
    weekday: fieldOf(0, 7, 7),
  })
  .map((fields) => ({
    ...fields,
    text: `${fields.minute.text} ${fields.hour.text} ${fields.day.text} ${fields.month.text} ${fields.weekday.text}`,
  }));

type AnyCron = typeof anyCron extends fc.Arbitrary<infer T> ? T : never;

function matches(fields: AnyCron, reading: ClockReading): boolean {
  const isDay = fields.day.values.has(reading.day);
  const isWeekday =
    fields.weekday.values.has(reading.weekday) || (reading.weekday === 0 && fields.weekday.values.has(7));
  const hasStar = fields.day.text.startsWith('*') || fields.weekday.text.startsWith('*');
  return (
    fields.minute.values.has(reading.minute) &&
    fields.hour.values.has(reading.hour) &&
    fields.month.values.has(reading.month) &&
    (hasStar ? isDay && isWeekday : isDay || isWeekday)
  );
}

/** One string: comparing thousands of dates one by one is what would make this test slow. */
function toIso(instants: readonly Date[]): string {
  return instants.map((at) => at.toISOString()).join('\n');
}

/** Where in the window to begin: most often within two hours of the change, which comes after an eighth of it. */
const anyShare = fc.oneof(
  { weight: 3, arbitrary: fc.double({ min: 1 / 16, max: 3 / 16, noNaN: true }) },
  { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
);

describe('nextFire against a walk through every minute', () => {
  const walks = CHANGES.map(([timezone, near]) => {
    const change = Date.parse(near);
    const steps: WalkStep[] = walkWallClock(timezone, change - 8 * HOUR_MS, change + 28 * HOUR_MS);
    return { timezone, from: new Date(change - 4 * HOUR_MS), until: new Date(change + 28 * HOUR_MS), steps };
  });

  it('is given walks that see what they are for', () => {
    const counts = walks.map(({ steps }) => steps.filter((step) => step.readings.length !== 1).length);
    expect(counts.filter((count) => count === 0)).toHaveLength(2); // Kolkata and UTC change nothing
  });

  it('finds the same fires for any expression', () => {
    fc.assert(
      fc.property(fc.constantFrom(...walks), anyCron, ({ timezone, from, until, steps }, fields) => {
        const parsed = parseCron(fields.text);
        fc.pre(parsed.ok);
        const expected = firesOnWalk(steps, (reading) => matches(fields, reading)).filter((at) => at > from);
        expect(toIso(occurrencesBetween(parsed.cron, timezone, from, until, 100_000))).toBe(toIso(expected));
      }),
      { numRuns: 1_000 },
    );
  });

  it('finds the next fire from any instant', () => {
    fc.assert(
      fc.property(fc.constantFrom(...walks), anyCron, anyShare, ({ timezone, from, until, steps }, fields, share) => {
        const parsed = parseCron(fields.text);
        fc.pre(parsed.ok);
        const after = new Date(Math.floor(from.getTime() + share * (until.getTime() - from.getTime())));
        const expected = firesOnWalk(steps, (reading) => matches(fields, reading)).find((at) => at > after);
        const found = nextFire(parsed.cron, timezone, after);
        if (expected === undefined) expect(found.getTime()).toBeGreaterThan(until.getTime());
        else expect(found).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
});
