import { parseCron, type Cron } from '@crewtab/domain/schedules/cron';
import { occurrencesBetween } from '@crewtab/domain/schedules/next-fire';
import {
  firesOnWalk,
  readWallClock,
  wallClockFormatter,
  walkWallClock,
  type ClockReading,
} from '../../fakes/wall-clock-walk';

/**
 * Every time zone that the engine knows, every change of its clock from 2007 to 2037, against the minute-by-minute walk.
 */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const FROM = Date.UTC(2007, 0, 1);
const UNTIL = Date.UTC(2038, 0, 1);

/** No clock went back by more than 3 h in these years. */
const BEFORE_MS = 4 * HOUR_MS;
const AFTER_MS = 4 * HOUR_MS;

/** The closest two changes of one zone in these years are three weeks apart (Cairo, September 2010). */
const SAMPLE_MS = 4 * DAY_MS;

interface Probe {
  readonly cron: Cron;
  readonly expression: string;
  readonly matches: (reading: ClockReading) => boolean;
}

function probe(expression: string, matches: (reading: ClockReading) => boolean): Probe {
  const parsed = parseCron(expression);
  if (!parsed.ok) throw new Error(parsed.message);
  return { cron: parsed.cron, expression, matches };
}

const PROBES: readonly Probe[] = [
  probe('*/3 * * * *', (at) => at.minute % 3 === 0),
  probe('*/15 * * * *', (at) => at.minute % 15 === 0),
  probe('59 23 * * *', (at) => at.hour === 23 && at.minute === 59),
  probe('0 0 * * *', (at) => at.hour === 0 && at.minute === 0),
  probe('7,37 0-3 * * sun,fri', (at) => at.minute % 30 === 7 && at.hour <= 3 && (at.weekday === 0 || at.weekday === 5)),
  probe('30 2 * 3-11 *', (at) => at.hour === 2 && at.minute === 30 && at.month >= 3 && at.month <= 11),
  probe(
    '20-40/10 1 1-15 * mon',
    (at) => at.hour === 1 && [20, 30, 40].includes(at.minute) && (at.day <= 15 || at.weekday === 1),
  ),
];

interface Change {
  /** The first minute with the new offset. */
  readonly at: number;
  readonly offsetBefore: number;
  readonly offsetAfter: number;
}

/** The jumps of a zone's clock, found by halving spans whose two ends differ in their offset. */
function changesOf(timezone: string): Change[] {
  const formatter = wallClockFormatter(timezone);
  const offsetAt = (at: number): number => readWallClock(formatter, at) - at;
  const changes: Change[] = [];
  let offsetBefore = offsetAt(FROM);
  for (let end = FROM + SAMPLE_MS; end <= UNTIL; end += SAMPLE_MS) {
    const offsetAfter = offsetAt(end);
    if (offsetAfter !== offsetBefore) {
      changes.push({ at: firstMinuteWithout(offsetBefore, offsetAt, end - SAMPLE_MS, end), offsetBefore, offsetAfter });
    }
    offsetBefore = offsetAfter;
  }
  return changes;
}

function firstMinuteWithout(offset: number, offsetAt: (at: number) => number, from: number, until: number): number {
  let low = from;
  let high = until;
  while (high - low > MINUTE_MS) {
    const middle = low + Math.floor((high - low) / MINUTE_MS / 2) * MINUTE_MS;
    if (offsetAt(middle) === offset) low = middle;
    else high = middle;
  }
  return high;
}

/** Zones that make the same change at the same instant show the same times around it: one walk serves them all. */
const expectations = new Map<string, Date[][]>();

function expectedAround(timezone: string, change: Change): Date[][] {
  const key = `${change.at} ${change.offsetBefore} ${change.offsetAfter}`;
  let expected = expectations.get(key);
  if (expected === undefined) {
    const steps = walkWallClock(timezone, change.at - BEFORE_MS, change.at + AFTER_MS);
    expected = PROBES.map(({ matches }) =>
      firesOnWalk(steps, matches).filter((at) => at.getTime() > change.at - HOUR_MS),
    );
    expectations.set(key, expected);
  }
  return expected;
}

function differencesAround(timezone: string, change: Change): string[] {
  const from = new Date(change.at - HOUR_MS);
  const until = new Date(change.at + AFTER_MS);
  const expectedByProbe = expectedAround(timezone, change);
  return PROBES.flatMap(({ cron, expression }, index) => {
    const expected = expectedByProbe[index] ?? [];
    const found = occurrencesBetween(cron, timezone, from, until, 10_000);
    const isSame = found.length === expected.length && found.every((at, n) => at.getTime() === expected[n]?.getTime());
    return isSame ? [] : [`${expression} in ${timezone} around ${new Date(change.at).toISOString()}`];
  });
}

describe('nextFire in every time zone', () => {
  it('agrees with the walk at every change of a clock from 2007 to 2037', () => {
    const zones = Intl.supportedValuesOf('timeZone');
    const changes = zones.flatMap((timezone) => changesOf(timezone).map((change) => ({ timezone, change })));
    const differences = changes.flatMap(({ timezone, change }) => differencesAround(timezone, change));
    expect(differences).toEqual([]);
    expect(zones.length).toBeGreaterThan(400);
    expect(changes.length).toBeGreaterThan(5_000);
    expect(expectations.size).toBeGreaterThan(1_000);
  }, 300_000);
});
