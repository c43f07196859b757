/**
 * An oracle for cron in time zones that shares nothing with the code it judges: it walks through real instants minute by
 * minute, asks Intl what the zone's clock shows, and finds gaps and repeats by looking at it. Right for zones whose
 * offsets and changes are whole minutes (all since 1972).
 */

const MINUTE_MS = 60_000;

/** What a wall clock shows, with cron's numbers. */
export interface ClockReading {
  readonly minute: number;
  readonly hour: number;
  readonly day: number;
  readonly month: number;
  /** 0 is Sunday. */
  readonly weekday: number;
}

/** An instant, and the readings due at it: the one shown for the first time, and those that a gap just swallowed. */
export interface WalkStep {
  readonly at: number;
  readonly readings: readonly ClockReading[];
}

/**
 * Walks the minutes of [fromMs, toMs]. Repeats are only known from what the walk has seen: begin a day earlier than
 * the steps that matter.
 */
export function walkWallClock(timezone: string, fromMs: number, toMs: number): WalkStep[] {
  const formatter = wallClockFormatter(timezone);
  const seen = new Set<number>();
  const steps: WalkStep[] = [];
  let previous: number | null = null;
  for (let at = fromMs; at <= toMs; at += MINUTE_MS) {
    const shown = readWallClock(formatter, at);
    const readings: ClockReading[] = [];
    const first = previous !== null && shown > previous ? previous + MINUTE_MS : shown;
    for (let local = first; local <= shown; local += MINUTE_MS) {
      if (!seen.has(local)) readings.push(toReading(local));
      seen.add(local);
    }
    steps.push({ at, readings });
    previous = shown;
  }
  return steps;
}

/** The instants of a walk at which a schedule must fire. */
export function firesOnWalk(steps: readonly WalkStep[], matches: (reading: ClockReading) => boolean): Date[] {
  return steps.filter((step) => step.readings.some(matches)).map((step) => new Date(step.at));
}

export function wallClockFormatter(timezone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
}

/** The reading as ms of the same reading in UTC. */
export function readWallClock(formatter: Intl.DateTimeFormat, at: number): number {
  const text = formatter.format(at);
  const shown = /^(\d+)\/(\d+)\/(\d+), (\d+):(\d+)$/.exec(text);
  if (shown === null) throw new Error(`Intl wrote a time in an unknown form: ${text}`);
  return Date.UTC(Number(shown[3]), Number(shown[1]) - 1, Number(shown[2]), Number(shown[4]), Number(shown[5]));
}

function toReading(local: number): ClockReading {
  const date = new Date(local);
  return {
    minute: date.getUTCMinutes(),
    hour: date.getUTCHours(),
    day: date.getUTCDate(),
    month: date.getUTCMonth() + 1,
    weekday: date.getUTCDay(),
  };
}
