import cronstrue from 'cronstrue';
import type { OccurrencesView } from '@crewtab/api-contract/schedule-routes';
import { isWithinCalendar } from '@crewtab/domain/calendar-bounds';
import { nextFire } from '@crewtab/domain/schedules/next-fire';
import { parsedCron } from './fire-instants';

/** What a cron expression means, in words and in its next `count` instants after `from`. */
export function describeOccurrences(cron: string, timezone: string, from: Date, count: number): OccurrencesView {
  const parsed = parsedCron(cron);
  const occurrences: string[] = [];
  let at = from;
  while (occurrences.length < count) {
    const next = tryNextFire(() => nextFire(parsed, timezone, at));
    if (!next || !isWithinCalendar(next)) break;
    occurrences.push(next.toISOString());
    at = next;
  }
  return { description: describeCron(cron), timezone, occurrences };
}

/** `At 09:00 AM, Monday through Friday` */
export function describeCron(cron: string): string {
  const fields = cron.trim().toLowerCase().split(/\s+/).map(simplify);
  return cronstrue.toString(fields.join(' '), { throwExceptionOnParseError: true });
}

/** cronstrue has no words for a star among other entries of a list; it makes the others needless anyway. */
function simplify(field: string): string {
  return field.split(',').includes('*') ? '*' : field;
}

/** The calendar of ECMAScript ends in the year 275760, which a rare cron (29 February on a Monday) can reach for. */
function tryNextFire(next: () => Date): Date | null {
  try {
    return next();
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
