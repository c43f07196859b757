/**
 * Cron expressions as Vixie cron (and cronie after it) reads them: five fields, names, ranges, steps, lists and the
 * `@daily` family. docs/cron.md says it for users. Where Vixie cron would silently do something surprising (`5/15`,
 * which it refuses or reads as `5`; a step that is larger than the field), this parser refuses.
 */

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

// One field of a cron expression: a list of values, ranges and steps, turned into a bit set.

export interface CronField {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** How many different values there are (day-of-week has 8 numbers for 7 days): the largest step that makes sense. */
  readonly size: number;
  /** Three-letter names; the first one stands for `min`. */
  readonly names: readonly string[];
  /** For messages. */
  readonly allowed: string;
}

/** Bit n of `low` stands for the field's value min + n (n < 30), bit n of `high` for min + 30 + n. */
export interface FieldBits {
  readonly low: number;
  readonly high: number;
}

export type ParsedField = ({ readonly ok: true } & FieldBits) | { readonly ok: false; readonly message: string };

interface Span {
  readonly from: number;
  readonly to: number;
}

/** Parses a whole field, e.g. `1-5,10,20-40/5`. The message of a refusal begins with the field's name. */
export function parseField(field: CronField, text: string): ParsedField {
  let low = 0;
  let high = 0;
  for (const item of text.split(',')) {
    if (item === '') return refuseField(field, text, 'has an empty entry in its list');
    const parts = item.split('/');
    const base = parts[0] ?? '';
    const span = parseSpan(field, base);
    if (typeof span === 'string') return { ok: false, message: span };
    const step = parts.length === 1 ? 1 : parseStep(field, item, parts);
    if (typeof step === 'string') return { ok: false, message: step };
    for (let value = span.from; value <= span.to; value += step) {
      const bit = value - field.min;
      if (bit < 30) low |= 1 << bit;
      else high |= 1 << (bit - 30);
    }
  }
  return { ok: true, low, high };
}

/** `*`, a value, or a range; a string says what is wrong. */
function parseSpan(field: CronField, text: string): Span | string {
  if (text === '*') return { from: field.min, to: field.max };
  if (text === '') return explain(field, '/', 'needs * or a range before it');
  if (text.endsWith('-')) return explain(field, text, `lacks the end of its range; allowed is ${field.allowed}`);
  const dash = text.indexOf('-', 1);
  const from = parseValue(field, dash === -1 ? text : text.slice(0, dash));
  if (typeof from === 'string') return from;
  if (dash === -1) return { from, to: from };
  const to = parseValue(field, text.slice(dash + 1));
  if (typeof to === 'string') return to;
  if (from > to) return explain(field, text, `is a range that runs backwards${hintForSunday(field, to)}`);
  return { from, to };
}

/** A step needs a star or a range before it, as in Vixie cron and cronie. */
function parseStep(field: CronField, item: string, parts: readonly string[]): number | string {
  const base = parts[0] ?? '';
  const text = parts[1] ?? '';
  if (parts.length > 2) return explain(field, item, 'has more than one step');
  if (base !== '*' && base.indexOf('-', 1) === -1) {
    return explain(field, item, `has a step without a range; write ${base}-${field.max}/${text} or */${text}`);
  }
  if (!/^\d+$/.test(text))
    return explain(field, item, `needs a number after "/"; allowed is a step of 1-${field.size}`);
  const step = Number(text);
  if (step < 1 || step > field.size)
    return explain(field, item, `has step ${clip(text)}; allowed is a step of 1-${field.size}`);
  return step;
}

function parseValue(field: CronField, text: string): number | string {
  if (/^\d+$/.test(text)) {
    const value = Number(text);
    if (value >= field.min && value <= field.max) return value;
    return explain(field, text, `is out of range; allowed is ${field.allowed}`);
  }
  const index = field.names.indexOf(text.toLowerCase());
  return index === -1 ? explain(field, text, `${explainText(text)}; allowed is ${field.allowed}`) : field.min + index;
}

/** People bring expressions from other schedulers: say what their sign means and that it is not known here. */
function explainText(text: string): string {
  if (text === '?') return 'is not supported, write * instead';
  if (/^h(\(|$)/i.test(text)) return 'is not supported (Jenkins picks such a value itself; choose one)';
  if (/^[lw]$|^lw$|^\d+[lw]$|^[a-z]{3}l$|#/i.test(text)) return 'is not supported (L, W and # are from Quartz)';
  if (text.includes('~')) return 'is not supported (no random values)';
  if (text.includes('*')) return 'is not a value; * stands alone or before a step';
  return 'is not a value of this field';
}

function hintForSunday(field: CronField, to: number): string {
  return field.size === 7 && to === 0
    ? '; for a range up to Sunday write 7, as in 5-7'
    : `; allowed is ${field.allowed}, the lower value first`;
}

function explain(field: CronField, text: string, reason: string): string {
  return `${field.name}: "${clip(text)}" ${reason}`;
}

function refuseField(field: CronField, text: string, reason: string): ParsedField {
  return { ok: false, message: explain(field, text, `${reason}; allowed is ${field.allowed}`) };
}

function clip(text: string): string {
  return text.length > 20 ? `${text.slice(0, 20)}…` : text;
}

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

/** Days in 400 years. */
const DAYS_PER_ERA = 146_097;
/** From 0000-03-01 to 1970-01-01, days. */
const EPOCH_SHIFT = 719_468;

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
