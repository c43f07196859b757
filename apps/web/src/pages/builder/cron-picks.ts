/** A cron expression as a person picks it; `custom` is what only typing can say. */
export type CronPick =
  | { readonly kind: 'minutes'; readonly every: number }
  | { readonly kind: 'hourly'; readonly minute: number }
  | { readonly kind: 'daily'; readonly time: string }
  | { readonly kind: 'weekly'; readonly time: string; readonly days: readonly number[] }
  | { readonly kind: 'monthly'; readonly time: string; readonly day: number }
  | { readonly kind: 'custom' };
export type PickKind = CronPick['kind'];

/** Steps that divide an hour, so that all gaps are the same. */
export const STEPS = [1, 5, 10, 15, 20, 30] as const;
export const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const;

const NAMES = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const ALIASES: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
};

/** What was picked, of a cron that was typed. */
export function pickOf(cron: string): CronPick {
  const typed = cron.trim().toLowerCase();
  const fields = (ALIASES[typed] ?? typed).split(/\s+/);
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields;
  if (fields.length !== 5 || month !== '*') return { kind: 'custom' };
  const isEveryDay = day === '*' && weekday === '*';
  if (isEveryDay && hour === '*') return pickWithinHour(minute);
  const [atMinute, atHour] = [numberIn(minute, 0, 59), numberIn(hour, 0, 23)];
  if (atMinute === null || atHour === null) return { kind: 'custom' };
  const time = `${pad(atHour)}:${pad(atMinute)}`;
  if (isEveryDay) return { kind: 'daily', time };
  if (day === '*') {
    const days = daysOf(weekday);
    return days ? { kind: 'weekly', time, days } : { kind: 'custom' };
  }
  const onDay = weekday === '*' ? numberIn(day, 1, 31) : null;
  return onDay === null ? { kind: 'custom' } : { kind: 'monthly', time, day: onDay };
}

/** The cron of what was picked; null of `custom`. */
export function cronOf(pick: CronPick): string | null {
  if (pick.kind === 'custom') return null;
  if (pick.kind === 'minutes') return pick.every === 1 ? '* * * * *' : `*/${pick.every} * * * *`;
  if (pick.kind === 'hourly') return `${pick.minute} * * * *`;
  const [hour = 0, minute = 0] = pick.time.split(':').map(Number);
  const at = `${minute} ${hour}`;
  if (pick.kind === 'daily') return `${at} * * *`;
  if (pick.kind === 'monthly') return `${at} ${pick.day} * *`;
  return pick.days.length === 7 ? `${at} * * *` : `${at} * * ${listOf(pick.days)}`;
}

/** What a kind begins with, as near as can be to what was picked before. */
export function firstPick(kind: PickKind, before: CronPick): CronPick {
  const time = 'time' in before ? before.time : '09:00';
  switch (kind) {
    case 'minutes':
      return { kind, every: 15 };
    case 'hourly':
      return { kind, minute: 0 };
    case 'weekly':
      return { kind, time, days: [1, 2, 3, 4, 5] };
    case 'monthly':
      return { kind, time, day: 1 };
    case 'daily':
      return { kind, time };
    case 'custom':
      return { kind };
  }
}

function pickWithinHour(minute: string): CronPick {
  if (minute === '*') return { kind: 'minutes', every: 1 };
  const every = numberIn(/^\*\/(\d+)$/.exec(minute)?.[1] ?? '', 1, 59);
  if (every !== null && STEPS.some((step) => step === every)) return { kind: 'minutes', every };
  const at = numberIn(minute, 0, 59);
  return at === null ? { kind: 'custom' } : { kind: 'hourly', minute: at };
}

/** 1 is Monday, 7 Sunday; null where it is no list of days and ranges. */
function daysOf(field: string): number[] | null {
  const days = new Set<number>();
  for (const part of field.split(',')) {
    const [from = '', to = from, ...rest] = part.split('-');
    const [first, last] = [dayOf(from), dayOf(to)];
    if (first === null || last === null || rest.length > 0 || first > last) return null;
    for (let day = first; day <= last; day++) days.add(day === 0 ? 7 : day);
  }
  return [...days].sort((one, other) => one - other);
}

function dayOf(text: string): number | null {
  const named = NAMES.indexOf(text);
  return named === -1 ? numberIn(text, 0, 7) : named;
}

/** `1-5`, `1,3,6-7`: runs of three or more as a range. */
function listOf(days: readonly number[]): string {
  const parts: string[] = [];
  for (let index = 0; index < days.length; index++) {
    const first = days[index] ?? 0;
    let last = first;
    while (days[index + 1] === last + 1) last = days[++index] ?? last;
    if (last - first >= 2) parts.push(`${first}-${last}`);
    else for (let day = first; day <= last; day++) parts.push(String(day));
  }
  return parts.join(',');
}

function numberIn(text: string, min: number, max: number): number | null {
  if (!/^\d{1,2}$/.test(text)) return null;
  const number = Number(text);
  return number >= min && number <= max ? number : null;
}

function pad(number: number): string {
  return String(number).padStart(2, '0');
}
