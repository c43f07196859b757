import { parseCron, type Cron } from '@crewtab/domain/schedules/cron';
import { occurrencesBetween } from '@crewtab/domain/schedules/next-fire';
import { firesOnWalk, readWallClock, wallClockFormatter, walkWallClock, type ClockReading } from '@crewtab/testing/wall-clock-walk';

/**
 * Every time zone that the engine knows, every change of its clock from 2007 to 2037, against the minute-by-minute walk.
 */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const FROM = Date.UTC(2007, 0, 1);
const UNTIL = Date.UTC(2038, 0, 1);

/** No clock went back by more than 3 h in these years. */
const BEFORE_MS = 5 * HOUR_MS;
const AFTER_MS = 5 * HOUR_MS;

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
  probe('* * * * *', () => true),
  probe('*/15 * * * *', (at) => at.minute % 15 === 0),
  probe('59 23 * * *', (at) => at.hour === 23 && at.minute === 59),
  probe('0 0 * * *', (at) => at.hour === 0 && at.minute === 0),
  probe('7,37 0-3 * * sun,fri', (at) => at.minute % 30 === 7 && at.hour <= 3 && (at.weekday === 0 || at.weekday === 5)),
  probe('30 2 * 3-11 *', (at) => at.hour === 2 && at.minute === 30 && at.month >= 3 && at.month <= 11),
  probe('20-40/10 1 1-15 * mon', (at) => at.hour === 1 && [20, 30, 40].includes(at.minute) && (at.day <= 15 || at.weekday === 1)),
];

/** The instants at which the clock jumps, found by halving days whose two ends differ in their offset. */
function changesOf(timezone: string): number[] {
  const formatter = wallClockFormatter(timezone);
  const offsetAt = (at: number): number => readWallClock(formatter, at) - at;
  const changes: number[] = [];
  let before = offsetAt(FROM);
  for (let day = FROM + DAY_MS; day <= UNTIL; day += DAY_MS) {
    const offset = offsetAt(day);
    if (offset !== before) changes.push(firstMinuteWithout(before, offsetAt, day - DAY_MS, day));
    before = offset;
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

function differencesAround(timezone: string, change: number): string[] {
  const from = new Date(change - HOUR_MS);
  const until = new Date(change + AFTER_MS);
  const steps = walkWallClock(timezone, change - BEFORE_MS, change + AFTER_MS);
  return PROBES.flatMap(({ cron, expression, matches }) => {
    const expected = firesOnWalk(steps, matches).filter((at) => at > from);
    const found = occurrencesBetween(cron, timezone, from, until, 10_000);
    const isSame = found.length === expected.length && found.every((at, index) => at.getTime() === expected[index]?.getTime());
    return isSame ? [] : [`${expression} in ${timezone} around ${new Date(change).toISOString()}`];
  });
}

describe('nextFire in every time zone', () => {
  it('agrees with the walk at every change of a clock from 2007 to 2037', () => {
    const zones = Intl.supportedValuesOf('timeZone');
    let changes = 0;
    const differences = zones.flatMap((timezone) =>
      changesOf(timezone).flatMap((change) => {
        changes += 1;
        return differencesAround(timezone, change);
      }),
    );
    expect(differences).toEqual([]);
    expect(zones.length).toBeGreaterThan(400);
    expect(changes).toBeGreaterThan(5_000);
  }, 180_000);
});
