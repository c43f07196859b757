/** One field of a cron expression: a list of values, ranges and steps, turned into a bit set. */

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
    if (item === '') return refuse(field, text, 'has an empty entry in its list');
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

function refuse(field: CronField, text: string, reason: string): ParsedField {
  return { ok: false, message: explain(field, text, `${reason}; allowed is ${field.allowed}`) };
}

function clip(text: string): string {
  return text.length > 20 ? `${text.slice(0, 20)}…` : text;
}
