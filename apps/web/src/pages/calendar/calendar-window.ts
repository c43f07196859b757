import { dayIn } from '../../time/format-time';
import type { CalendarSpan } from './calendar-search';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** How far it reaches to both sides of now, and by what steps it moves on, so that answers can be kept. */
const REACH: Readonly<Record<CalendarSpan, { readonly ms: number; readonly stepMs: number; readonly tickMs: number }>> =
  {
    '24h': { ms: DAY, stepMs: HOUR / 6, tickMs: 6 * HOUR },
    '7d': { ms: 7 * DAY, stepMs: HOUR, tickMs: DAY },
    '30d': { ms: 30 * DAY, stepMs: 6 * HOUR, tickMs: 5 * DAY },
  };

export interface Window {
  /** Ms. */
  readonly from: number;
  readonly to: number;
}

/** Now lies in its middle, unless it is shifted by halves of it. */
export function windowOf(span: CalendarSpan, shift: number, now: Date): Window {
  const { ms, stepMs } = REACH[span];
  const middle = Math.floor(now.getTime() / stepMs) * stepMs + shift * ms;
  return { from: middle - ms, to: middle + ms };
}

export interface Tick {
  readonly at: number;
  readonly words: string;
}

/** Where the axis is marked: at midnights of the viewer's zone, and between them where there is room. */
export function ticksOf(span: CalendarSpan, { from, to }: Window, zone: string): Tick[] {
  const { tickMs } = REACH[span];
  const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', timeZone: zone });
  const clock = new Intl.DateTimeFormat(undefined, {
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    timeZone: zone,
  });
  const ticks: Tick[] = [];
  for (let at = firstMidnight(from, zone) - DAY; at < to; at += tickMs) {
    if (at < from) continue;
    const isMidnight = clock.format(at) === '00:00';
    ticks.push({ at, words: isMidnight || tickMs >= DAY ? day.format(at) : clock.format(at) });
  }
  return ticks;
}

interface Room {
  readonly axisPx: number;
  /** Null: now is not shown. */
  readonly nowPx: number | null;
  readonly aroundNowPx: number;
}

/**
 * Those whose words can be read: not one over another, over the mark of now, or beyond the axis. Words stand at the right of
 * their tick.
 */
export function ticksWithRoom<T extends { readonly px: number; readonly wordsPx: number }>(
  ticks: readonly T[],
  { axisPx, nowPx, aroundNowPx }: Room,
): T[] {
  const kept: T[] = [];
  for (const tick of ticks) {
    const last = kept.at(-1);
    const isUnderNow =
      nowPx !== null && tick.px < nowPx + aroundNowPx / 2 && tick.px + tick.wordsPx > nowPx - aroundNowPx / 2;
    if (tick.px + tick.wordsPx > axisPx || (last && last.px + last.wordsPx > tick.px) || isUnderNow) continue;
    kept.push(tick);
  }
  return kept;
}

/** At or after `from`, found by hours: offsets that are no whole hours begin a little later. */
function firstMidnight(from: number, zone: string): number {
  const hours = Array.from({ length: 26 }, (_, index) => Math.ceil(from / HOUR) * HOUR + index * HOUR);
  return hours.find((at) => dayIn(new Date(at), zone) !== dayIn(new Date(at - HOUR), zone)) ?? from;
}
