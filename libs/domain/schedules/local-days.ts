import { parseCron } from './cron';
import { occurrencesBetween } from './next-fire';

/** A day of a zone's calendar, or the part of it that lies in a span. */
export interface LocalDay {
  /** `2026-11-30` */
  readonly date: string;
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
}

const MIDNIGHT = '0 0 * * *';

/** The days that [from, to) touches, in order; the first and the last may be parts. */
export function localDaysBetween(timezone: string, from: Date, to: Date): LocalDay[] {
  const parsed = parseCron(MIDNIGHT);
  if (!parsed.ok) throw new Error(parsed.message);
  const midnights = occurrencesBetween(parsed.cron, timezone, from, new Date(to.getTime() - 1), Infinity);
  const format = new Intl.DateTimeFormat('en-CA', {
    ...{ timeZone: timezone, year: 'numeric', month: '2-digit', day: '2-digit' },
  });
  const starts = [from, ...midnights];
  return starts.map((start, index) => ({ date: format.format(start), from: start, to: starts[index + 1] ?? to }));
}

/** The last `count` days up to `now`, today with them, whole. */
export function lastLocalDays(timezone: string, count: number, now: Date): { readonly from: Date; readonly to: Date } {
  // A day more than there are hours for: a zone may have repeated some.
  const days = localDaysBetween(
    timezone,
    new Date(now.getTime() - (count + 1) * 86_400_000),
    new Date(now.getTime() + 1),
  );
  return { from: days.at(-count)?.from ?? now, to: now };
}
