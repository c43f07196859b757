import { civilDateOf, dayNumberOf, daysInMonth, weekdayOf, type Cron } from './cron';

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

/**
 * Matching against a wall clock that knows no time zone. Local times are written as the ms since the epoch that the
 * same clock reading would have in UTC.
 */

const MINUTE_MS = 60_000;
const MINUTES_PER_DAY = 1_440;

/**
 * The rarest day that exists is February 29th on one certain weekday: 40 years apart where a century year is no leap
 * year (2072 to 2112). A search that goes beyond this found a bug.
 */
const MAX_SEARCH_MONTHS = 48 * 12;

/** The first local minute later than `localMs` that the expression names. */
export function nextMatch(cron: Cron, localMs: number): number {
  const minute = Math.floor(localMs / MINUTE_MS) + 1;
  const day = Math.floor(minute / MINUTES_PER_DAY);
  const matchDay = nextMatchingDay(cron, day);
  if (matchDay === day) {
    const time = nextTimeOfDay(cron, minute - day * MINUTES_PER_DAY);
    if (time !== -1) return (day * MINUTES_PER_DAY + time) * MINUTE_MS;
    return firstMinuteOf(cron, nextMatchingDay(cron, day + 1));
  }
  return firstMinuteOf(cron, matchDay);
}

function firstMinuteOf(cron: Cron, day: number): number {
  return (day * MINUTES_PER_DAY + nextTimeOfDay(cron, 0)) * MINUTE_MS;
}

/** The first matching minute of the day at or after `minuteOfDay`, or -1. */
function nextTimeOfDay(cron: Cron, minuteOfDay: number): number {
  const hour = Math.floor(minuteOfDay / 60);
  if ((cron.hours & (1 << hour)) !== 0) {
    const minute = nextMinute(cron, minuteOfDay - hour * 60);
    if (minute !== -1) return hour * 60 + minute;
  }
  const laterHours = cron.hours & (-2 << hour);
  return laterHours === 0 ? -1 : lowestBit(laterHours) * 60 + nextMinute(cron, 0);
}

/** The first matching minute of an hour at or after `minute`, or -1. */
function nextMinute(cron: Cron, minute: number): number {
  if (minute < 30) {
    const low = cron.minutesLow & (-1 << minute);
    if (low !== 0) return lowestBit(low);
  }
  const high = cron.minutesHigh & (-1 << Math.max(0, minute - 30));
  return high === 0 ? -1 : 30 + lowestBit(high);
}

/** The first matching day at or after `day`. */
function nextMatchingDay(cron: Cron, day: number): number {
  const start = civilDateOf(day);
  let { year, month } = start;
  let fromDay = start.day;
  for (let searched = 0; searched < MAX_SEARCH_MONTHS; searched++) {
    if ((cron.months & (1 << (month - 1))) !== 0) {
      const days = matchingDaysOfMonth(cron, year, month) & (-1 << (fromDay - 1));
      if (days !== 0) return dayNumberOf(year, month, lowestBit(days) + 1);
    }
    fromDay = 1;
    month += 1;
    if (month > 12) {
      month = 1;
      year += 1;
    }
  }
  throw new Error('a cron expression without any day passed the parser');
}

/** Bit n: day n + 1 of this month matches. */
function matchingDaysOfMonth(cron: Cron, year: number, month: number): number {
  const existing = 2 ** daysInMonth(year, month) - 1;
  const weekdays = repeatWeekly(cron.daysOfWeek, weekdayOf(dayNumberOf(year, month, 1)));
  const days = cron.dayRule === 'both' ? cron.daysOfMonth & weekdays : cron.daysOfMonth | weekdays;
  return days & existing;
}

/** Spreads the set of weekdays over a month that begins on `firstWeekday`. */
function repeatWeekly(daysOfWeek: number, firstWeekday: number): number {
  const week = ((daysOfWeek >>> firstWeekday) | (daysOfWeek << (7 - firstWeekday))) & 0x7f;
  return week | (week << 7) | (week << 14) | (week << 21) | (week << 28);
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

const SECOND_MS = 1_000;

/** Per zone; the samples of about two years at 40 bytes each. Dropped all at once: what is needed comes back in microseconds. */
const MAX_SAMPLES = 1_024;

/** Every canonical zone fits (about 420). A formatter takes some 25 kB outside the heap and 70 µs to make. */
const MAX_ZONES = 512;

/** Names that ICU knows from old Java: not IANA, and dangerous (BST is Bangladesh, CST is always Chicago). */
const NOT_IANA =
  /^(ACT|AET|AGT|ART|AST|BET|BST|CAT|CNT|CST|CTT|EAT|ECT|IET|IST|JST|MIT|NET|NST|PLT|PNT|PRT|PST|SST|VST|SystemV\/.*)$/i;

/** Offset zones (`+05:30`) are no IANA names, though newer engines take them. */
const ZONE_NAME = /^[a-z][a-z0-9_+\-/]{1,63}$/i;

const FIXED_ZONE = /^(Etc\/.*|UTC|UCT|GMT|GMT0|GMT[+-]0|Greenwich|Universal|Zulu)$/i;

/** One day of a zone: its offset at the day's start and, after `changesAt` (from that instant on), at its end. */
export interface ZoneDay {
  readonly startsAt: number;
  readonly endsAt: number;
  readonly offsetBefore: number;
  /** `endsAt` where nothing changes. */
  readonly changesAt: number;
  readonly offsetAfter: number;
}

/**
 * The offset of a time zone from UTC, as a function of the instant, read from Intl.DateTimeFormat. A format call costs
 * about a microsecond, so offsets are sampled once a UTC day, and days with a transition are searched to the second.
 * Assumes that a zone has at most one transition between two UTC midnights: the closest two of any zone since 1880
 * are a week apart (Brazil, October 2000).
 */
export class ZoneOffsets {
  /** The one offset of a zone that never changes (UTC, Etc/*), else null. */
  readonly fixedMs: number | null;
  private readonly formatter: Intl.DateTimeFormat;
  private readonly samples = new Map<number, number>();
  private readonly transitions = new Map<number, number>();

  /** Throws a RangeError for a zone that Intl does not know. */
  constructor(timezone: string) {
    this.formatter = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      hourCycle: 'h23',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    this.fixedMs = FIXED_ZONE.test(timezone) ? this.measure(0) : null;
  }

  /** What the zone's clock shows at an instant, as ms of the same reading in UTC. */
  localTimeAt(instantMs: number): number {
    const day = this.day(Math.floor(instantMs / DAY_MS));
    return instantMs + (instantMs < day.changesAt ? day.offsetBefore : day.offsetAfter);
  }

  /** The UTC day with this number (days since the epoch). */
  day(dayNumber: number): ZoneDay {
    const startsAt = dayNumber * DAY_MS;
    const endsAt = startsAt + DAY_MS;
    const offsetBefore = this.sample(dayNumber);
    const offsetAfter = this.sample(dayNumber + 1);
    const changesAt = offsetBefore === offsetAfter ? endsAt : this.transition(dayNumber, offsetBefore);
    return { startsAt, endsAt, offsetBefore, changesAt, offsetAfter };
  }

  private sample(dayNumber: number): number {
    const known = this.samples.get(dayNumber);
    if (known !== undefined) return known;
    if (this.samples.size >= MAX_SAMPLES) {
      this.samples.clear();
      this.transitions.clear();
    }
    const offset = this.measure(dayNumber * DAY_MS);
    this.samples.set(dayNumber, offset);
    return offset;
  }

  /** The first second of a day, its end included, whose offset is not `offsetBefore` any more. */
  private transition(dayNumber: number, offsetBefore: number): number {
    const known = this.transitions.get(dayNumber);
    if (known !== undefined) return known;
    let before = (dayNumber * DAY_MS) / SECOND_MS;
    let after = before + DAY_MS / SECOND_MS;
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (this.measure(middle * SECOND_MS) === offsetBefore) before = middle;
      else after = middle;
    }
    this.transitions.set(dayNumber, after * SECOND_MS);
    return after * SECOND_MS;
  }

  /** Asks Intl. Day of the month and time of day are enough, since an offset is always less than a day. */
  private measure(instantMs: number): number {
    const text = this.formatter.format(instantMs);
    const [day, hour, minute, second] = readFourNumbers(text);
    const utc = new Date(instantMs);
    let dayShift = day - utc.getUTCDate();
    if (dayShift > 1) dayShift = -1;
    else if (dayShift < -1) dayShift = 1;
    const localOfUtcDay = dayShift * DAY_MS + ((hour * 60 + minute) * 60 + second) * SECOND_MS;
    return localOfUtcDay - (instantMs - Math.floor(instantMs / DAY_MS) * DAY_MS);
  }
}

/** Least recently used first. */
const zones = new Map<string, ZoneOffsets>();

/** The offsets of a zone, shared and cached. Throws a RangeError for what is not an IANA zone known to this engine. */
export function offsetsOf(timezone: string): ZoneOffsets {
  let zone = zones.get(timezone);
  if (zone === undefined) {
    if (!ZONE_NAME.test(timezone) || NOT_IANA.test(timezone)) throw new RangeError(`unknown time zone: ${timezone}`);
    zone = new ZoneOffsets(timezone);
  } else {
    zones.delete(timezone);
  }
  zones.set(timezone, zone);
  if (zones.size > MAX_ZONES) dropOldestZone();
  return zone;
}

function dropOldestZone(): void {
  const oldest = zones.keys().next();
  if (!oldest.done) zones.delete(oldest.value);
}

/** Reads digits only, so that changes of punctuation between versions of the locale data do not matter. */
function readFourNumbers(text: string): [number, number, number, number] {
  const numbers: [number, number, number, number] = [0, 0, 0, 0];
  let index = -1;
  let inNumber = false;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit >= 0 && digit <= 9) {
      if (!inNumber) index += 1;
      inNumber = true;
      if (index < 4) numbers[index as 0 | 1 | 2 | 3] = numbers[index as 0 | 1 | 2 | 3] * 10 + digit;
    } else {
      inNumber = false;
    }
  }
  if (index !== 3) throw new Error(`Intl wrote a time in an unknown form: ${text}`);
  return numbers;
}
