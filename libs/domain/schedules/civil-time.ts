/**
 * Calendar arithmetic on the proleptic Gregorian calendar without Date objects: it runs in the inner loop of every
 * search for a next fire. A day number counts days since 1970-01-01, in no time zone.
 */

export interface CivilDate {
  readonly year: number;
  /** 1-12 */
  readonly month: number;
  /** 1-31 */
  readonly day: number;
}

const DAYS_PER_ERA = 146_097; // 400 years
const EPOCH_SHIFT = 719_468; // from 0000-03-01 to 1970-01-01

/** Years are counted from March here, so that the leap day is the last of its year. */
export function dayNumberOf(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * DAYS_PER_ERA + dayOfEra - EPOCH_SHIFT;
}

/** The inverse of `dayNumberOf`. */
export function civilDateOf(dayNumber: number): CivilDate {
  const shifted = dayNumber + EPOCH_SHIFT;
  const era = Math.floor(shifted / DAYS_PER_ERA);
  const dayOfEra = shifted - era * DAYS_PER_ERA;
  const leapless =
    dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor(leapless / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** 0 is Sunday, as in cron. */
export function weekdayOf(dayNumber: number): number {
  return (((dayNumber + 4) % 7) + 7) % 7;
}

export function daysInMonth(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

/**
 * The offset of a time zone from UTC, as a function of the instant, read from Intl.DateTimeFormat. A format call costs
 * about a microsecond, so offsets are sampled once a UTC day, and days with a transition are searched to the second.
 * Assumes that a zone has at most one transition between two UTC midnights: the closest two of any zone since 1880
 * are a week apart (Brazil, October 2000).
 */

const DAY_MS = 86_400_000;
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
