/**
 * When a cron expression fires in a time zone. One rule covers daylight saving time and every other change of a
 * zone's offset:
 *
 *   **A scheduled local time fires at the first instant at which the zone's wall clock shows that time or a later one.**
 *
 * So a local time that a change skips fires at the first instant after the gap (several skipped ones, and a match at the
 * gap's end itself, are one fire), and a local time that a change repeats fires the first time only. This holds for all
 * expressions: `*` minutes and steps also pause while the clock repeats an hour.
 */
import type { Cron } from './cron';
import { nextMatch } from './next-match';
import { offsetsOf, type ZoneOffsets } from './zone-offsets';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** No zone was ever further from UTC than Manila's and Sitka's first local times (-15:56, +15:13). */
const MAX_OFFSET_MS = 16 * HOUR_MS;

/** The farthest a zone's clock ever went back is 24 h (moves across the date line). */
const MAX_SETBACK_MS = 25 * HOUR_MS;

/** ECMAScript's last instant. */
const MAX_INSTANT_MS = 8_640_000_000_000_000;

/**
 * The first fire strictly after `after`. Pure up to the time zone data of the running engine. About 1 µs where the
 * offsets around are known already. Throws a RangeError for an invalid date, a result beyond the range of Date, or a
 * zone that `isValidTimezone` refuses.
 */
export function nextFire(cron: Cron, timezone: string, after: Date): Date {
  return new Date(nextFireMs(cron, offsetsOf(timezone), after.getTime()));
}

/** The fires in (afterExclusive, untilInclusive], oldest first, at most `limit`. Throws as `nextFire` does. */
export function occurrencesBetween(
  cron: Cron,
  timezone: string,
  afterExclusive: Date,
  untilInclusive: Date,
  limit: number,
): Date[] {
  const zone = offsetsOf(timezone);
  const until = untilInclusive.getTime();
  const occurrences: Date[] = [];
  let at = afterExclusive.getTime();
  while (occurrences.length < limit) {
    at = nextFireMs(cron, zone, at);
    if (at > until) break;
    occurrences.push(new Date(at));
  }
  return occurrences;
}

/**
 * The last fire in (afterExclusive, untilInclusive], or null. Halves the span instead of walking it, so that a schedule
 * that fires every minute and was down for a year costs some thirty steps.
 */
export function lastFireBetween(cron: Cron, timezone: string, afterExclusive: Date, untilInclusive: Date): Date | null {
  const zone = offsetsOf(timezone);
  const until = untilInclusive.getTime();
  let last: number | null = null;
  let low = afterExclusive.getTime(); // nothing later than `last` has been found at or before `low`
  let high = until; // no fire in (high, until]
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const fire = nextFireMs(cron, zone, middle);
    if (fire <= until) last = low = fire;
    else high = middle;
  }
  return last === null ? null : new Date(last);
}

/** Whether this is the name of an IANA time zone that this engine knows. Any case, as Intl takes it; no offsets. */
export function isValidTimezone(timezone: string): boolean {
  try {
    offsetsOf(timezone);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function nextFireMs(cron: Cron, zone: ZoneOffsets, after: number): number {
  if (Number.isNaN(after)) throw new RangeError('the instant to search from is not a valid date');
  const shown = zone.fixedMs === null ? latestLocalTimeShown(zone, after) : after + zone.fixedMs;
  const local = nextMatch(cron, shown);
  if (local > MAX_INSTANT_MS - 2 * DAY_MS) throw new RangeError('the next fire is beyond the last date there is');
  return zone.fixedMs === null ? firstInstantShowing(zone, local) : local - zone.fixedMs;
}

/** The latest local time that the zone's clock has shown up to and including `instant`: more than it shows now after a setback. */
function latestLocalTimeShown(zone: ZoneOffsets, instant: number): number {
  let latest = zone.localTimeAt(instant);
  for (let n = Math.floor((instant - MAX_SETBACK_MS) / DAY_MS); n <= Math.floor(instant / DAY_MS); n++) {
    const day = zone.day(n);
    if (day.changesAt <= instant) latest = Math.max(latest, day.changesAt + day.offsetBefore - 1);
  }
  return latest;
}

/** The first instant at which the zone's clock shows `local` or later. */
function firstInstantShowing(zone: ZoneOffsets, local: number): number {
  const lastDay = Math.floor((local + MAX_OFFSET_MS) / DAY_MS);
  for (let n = Math.floor((local - MAX_OFFSET_MS) / DAY_MS); n <= lastDay; n++) {
    const day = zone.day(n);
    if (local < day.changesAt + day.offsetBefore) return local - day.offsetBefore;
    if (day.changesAt < day.endsAt || day.offsetAfter !== day.offsetBefore) {
      if (local <= day.changesAt + day.offsetAfter) return day.changesAt;
      if (local < day.endsAt + day.offsetAfter) return local - day.offsetAfter;
    }
  }
  throw new Error(`an offset of more than ${MAX_OFFSET_MS} ms`);
}
