/**
 * A second opinion on when a cron expression is due, which shares no code and no idea with the product's own evaluator:
 * it looks at the zone's wall clock minute by minute, as a person with a watch would.
 *
 * "A scheduled local time fires at the first instant at which the zone's wall clock shows that time or a later one"
 * (docs/cron.md) is taken literally: the latest wall time ever seen is kept, and whatever matches among the wall minutes
 * that are passed for the first time fires now. A wall time that comes again is not passed for the first time.
 *
 * Knows `*`, numbers, ranges, steps and lists, no names and no aliases; anything else throws.
 */
const MINUTE_MS = 60_000;
/** Longer than any clock was ever set back: what is seen in it is not new afterwards. */
const LOOK_BACK_MINUTES = 26 * 60;

/** All due instants in [from, to], oldest first. Cost: one look at the clock per minute. */
export function dueInstants(cron: string, timezone: string, from: number, to: number): number[] {
  const isDue = parseWallMatch(cron);
  const wallOf = wallClock(timezone);
  const first = Math.ceil(from / MINUTE_MS);
  const last = Math.floor(to / MINUTE_MS);
  const due: number[] = [];
  let high = -Infinity;
  for (let minute = first - LOOK_BACK_MINUTES; minute < first; minute++) high = Math.max(high, wallOf(minute));
  for (let minute = first; minute <= last; minute++) {
    const wall = wallOf(minute);
    let isFirstTime = false;
    for (let passed = high + 1; passed <= wall; passed++) isFirstTime ||= isDue(passed);
    if (isFirstTime) due.push(minute * MINUTE_MS);
    high = Math.max(high, wall);
  }
  return due;
}

/** The zone's wall clock as a count of wall minutes, by the minute since the epoch. */
function wallClock(timezone: string): (minute: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  return (minute) => {
    const part: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(minute * MINUTE_MS)) part[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute: minutes = 0 } = part;
    return Date.UTC(year, month - 1, day, hour, minutes) / MINUTE_MS;
  };
}

function parseWallMatch(cron: string): (wallMinute: number) => boolean {
  const fields = cron.trim().split(/\s+/);
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields;
  if (fields.length !== 5) throw new Error(`the oracle does not know the cron expression "${cron}"`);
  const minutes = valuesOf(minute, 0, 59);
  const hours = valuesOf(hour, 0, 23);
  const days = valuesOf(day, 1, 31);
  const months = valuesOf(month, 1, 12);
  const weekdays = valuesOf(weekday, 0, 7);
  if (weekdays.has(7)) weekdays.add(0);
  const isEither = !day.startsWith('*') && !weekday.startsWith('*');
  return (wallMinute) => {
    const wall = new Date(wallMinute * MINUTE_MS);
    const onDay = days.has(wall.getUTCDate());
    const onWeekday = weekdays.has(wall.getUTCDay());
    return (
      minutes.has(wall.getUTCMinutes()) &&
      hours.has(wall.getUTCHours()) &&
      months.has(wall.getUTCMonth() + 1) &&
      (isEither ? onDay || onWeekday : onDay && onWeekday)
    );
  };
}

function valuesOf(field: string, least: number, most: number): Set<number> {
  const values = new Set<number>();
  for (const entry of field.split(',')) {
    const found = /^(?:(\*)|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(entry);
    if (!found) throw new Error(`the oracle does not know the cron field "${field}"`);
    const [, star, from, to, step] = found;
    const begin = star ? least : Number(from);
    const end = star ? most : Number(to ?? from);
    for (let value = begin; value <= end; value += Number(step ?? 1)) values.add(value);
  }
  return values;
}
