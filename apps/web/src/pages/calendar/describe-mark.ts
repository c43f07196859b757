import { formatInstant, formatSpan } from '../../time/format-time';
import type { Mark } from './lane-marks';

/** `Mon, 30 Nov 2026, 02:30:00 GMT+1 · success, 4 m 12 s` */
export function describeMark({ at, until, status, counts }: Mark, zone: string): string {
  const instant = formatInstant(new Date(at), zone);
  if (status === 'due') return `${instant} · due${until > at ? `, usually ${formatSpan(until - at)}` : ''}`;
  if (counts) {
    const parts = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
    return `${instant}, ${formatSpan(until - at)} · ${parts.join(', ')}`;
  }
  return `${instant} · ${status}${until > at ? `, ${formatSpan(until - at)}` : ''}`;
}
