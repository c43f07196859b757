/**
 * Cron expressions as Vixie cron (and cronie after it) reads them: five fields, names, ranges, steps, lists and the
 * `@daily` family. docs/cron.md says it for users. Where Vixie cron would silently do something surprising (`5/15`,
 * which it refuses or reads as `5`; a step that is larger than the field), this parser refuses.
 */
import { parseField, type CronField, type FieldBits } from './cron-field';
import { daysInMonth } from './civil-date';

/**
 * A parsed expression: bit sets in seven small integers, so that a live object costs about 100 bytes and matching is a
 * few bit operations. Immutable; safe to keep and to share.
 */
export interface Cron {
  /** Bit n: minute n (0-29). Two halves, because bit operations work on 32 bits. */
  readonly minutesLow: number;
  /** Bit n: minute 30 + n. */
  readonly minutesHigh: number;
  /** Bit n: hour n. */
  readonly hours: number;
  /** Bit n: day n + 1 of the month. */
  readonly daysOfMonth: number;
  /** Bit n: month n + 1. */
  readonly months: number;
  /** Bit n: weekday n, 0 is Sunday (7 in the expression is bit 0 here). */
  readonly daysOfWeek: number;
  /**
   * `both`: a day must match day-of-month and day-of-week; so if either field begins with `*` (Vixie's rule; a star with
   * a step, such as `*` + `/2`, is a star as well). `either`: both fields are restricted and one match is enough.
   */
  readonly dayRule: 'both' | 'either';
}

export type ParsedCron = { readonly ok: true; readonly cron: Cron } | { readonly ok: false; readonly message: string };

/** Longer than any list of all values in all fields. */
const MAX_LENGTH = 1_000;

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const MINUTE: CronField = { name: 'minute', min: 0, max: 59, size: 60, names: [], allowed: '0-59' };
const HOUR: CronField = { name: 'hour', min: 0, max: 23, size: 24, names: [], allowed: '0-23' };
const DAY_OF_MONTH: CronField = { name: 'day-of-month', min: 1, max: 31, size: 31, names: [], allowed: '1-31' };
const MONTH: CronField = { name: 'month', min: 1, max: 12, size: 12, names: MONTHS, allowed: '1-12 or jan-dec' };
const DAY_OF_WEEK: CronField = {
  name: 'day-of-week',
  min: 0,
  max: 7,
  size: 7,
  names: WEEKDAYS,
  allowed: '0-7 or sun-sat (0 and 7 are Sunday)',
};

const ALIASES: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

/**
 * Parses a cron expression. Never throws: what is refused comes back with a message for people that names the field,
 * the offending value and what is allowed. Refuses expressions that could never fire, such as `0 0 30 2 *`.
 */
export function parseCron(expression: string): ParsedCron {
  const text = expression.replace(/^[ \t]+|[ \t]+$/g, '');
  if (text === '') return refuse('is empty; five fields are expected: minute hour day-of-month month day-of-week');
  if (text.length > MAX_LENGTH) return refuse(`is longer than ${MAX_LENGTH} characters`);
  if (/[\r\n]/.test(text)) return refuse('contains a line break; it is one line of five fields');
  if (text.startsWith('@')) return parseAlias(text);
  const fields = text.split(/[ \t]+/);
  if (fields.length !== 5) return refuse(explainFieldCount(fields.length));
  return parseFields(fields);
}

function parseAlias(text: string): ParsedCron {
  const expansion = ALIASES[text.toLowerCase()];
  if (expansion !== undefined) return parseFields(expansion.split(' '));
  const shown = text.length > 20 ? `${text.slice(0, 20)}…` : text;
  const why = /^@reboot\b/i.test(text) ? 'is not supported, a schedule needs instants to fire at' : 'is unknown';
  return { ok: false, message: `"${shown}" ${why}; use one of ${Object.keys(ALIASES).join(', ')}, or five fields` };
}

function explainFieldCount(count: number): string {
  const extra = count > 5 ? '; seconds and years are not supported' : '';
  return `has ${count} field${count === 1 ? '' : 's'}; exactly five are expected: minute hour day-of-month month day-of-week${extra}`;
}

function parseFields(fields: readonly string[]): ParsedCron {
  const [minuteText = '', hourText = '', dayText = '', monthText = '', weekdayText = ''] = fields;
  const minutes = parseField(MINUTE, minuteText);
  if (!minutes.ok) return minutes;
  const hours = parseField(HOUR, hourText);
  if (!hours.ok) return hours;
  const days = parseField(DAY_OF_MONTH, dayText);
  if (!days.ok) return days;
  const months = parseField(MONTH, monthText);
  if (!months.ok) return months;
  const weekdays = parseField(DAY_OF_WEEK, weekdayText);
  if (!weekdays.ok) return weekdays;
  const weekdayBits = joinBits(weekdays);
  const cron: Cron = {
    minutesLow: minutes.low,
    minutesHigh: minutes.high,
    hours: joinBits(hours),
    daysOfMonth: joinBits(days),
    months: joinBits(months),
    daysOfWeek: (weekdayBits & 0x7f) | (weekdayBits >>> 7),
    dayRule: dayText.startsWith('*') || weekdayText.startsWith('*') ? 'both' : 'either',
  };
  if (!hasAnyDay(cron)) {
    return refuse(
      `never fires: no ${monthText === '*' ? 'month' : `month in "${monthText}"`} has a day-of-month "${dayText}"`,
    );
  }
  return { ok: true, cron };
}

/** All fields but the minute fit into 31 bits. */
function joinBits(bits: FieldBits): number {
  return bits.low | (bits.high << 30);
}

/** Any date that exists in a leap year falls on every weekday within 400 years, so weekdays need no look. */
function hasAnyDay(cron: Cron): boolean {
  if (cron.dayRule === 'either') return true;
  for (let month = 1; month <= 12; month++) {
    const days = 2 ** daysInMonth(2000, month) - 1;
    if ((cron.months & (1 << (month - 1))) !== 0 && (cron.daysOfMonth & days) !== 0) return true;
  }
  return false;
}

function refuse(reason: string): ParsedCron {
  return { ok: false, message: `the cron expression ${reason}` };
}
