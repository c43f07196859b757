import { dueInstants } from './cron-oracle';

interface Calendar {
  readonly cron: string;
  readonly timezone: string;
}

const DAY_MS = 86_400_000;
const days = new Map<string, ReadonlySet<number>>();

/** All due instants of [from, to] by the oracle, oldest first; each day of each expression is looked at once. */
export function dueBetween(calendar: Calendar, from: number, to: number): number[] {
  const due: number[] = [];
  for (let day = Math.floor(from / DAY_MS); day <= Math.floor(to / DAY_MS); day++)
    for (const instant of dueOnDay(calendar, day)) if (instant >= from && instant <= to) due.push(instant);
  return due;
}

export function isDueOn(calendar: Calendar, instant: number): boolean {
  return dueOnDay(calendar, Math.floor(instant / DAY_MS)).has(instant);
}

function dueOnDay({ cron, timezone }: Calendar, day: number): ReadonlySet<number> {
  const key = `${day} ${timezone} ${cron}`;
  const known = days.get(key);
  if (known) return known;
  const due = new Set(dueInstants(cron, timezone, day * DAY_MS, (day + 1) * DAY_MS - 1));
  days.set(key, due);
  return due;
}
