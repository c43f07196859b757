import { civilDateOf, dayNumberOf, daysInMonth, weekdayOf } from './civil-date';
import type { Cron } from './cron';

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
