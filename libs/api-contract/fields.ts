import { z } from 'zod';
import { formatDuration, parseDuration } from '@crewtab/domain/durations';
import { SECRET_NAME } from '@crewtab/domain/secrets/secret';
import { isWithinCalendar } from '@crewtab/domain/calendar-bounds';
import type { PathParam } from './route';

export const DEFAULT_PAGE_SIZE = 20;
export const MAX_PAGE_SIZE = 100;

/** A whole number in a query, path or header. */
export function countField(min: number, max: number): z.ZodType<number, string> {
  const schema = z.string({ error: 'must be given once' }).transform((value, context) => {
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= min && number <= max) return number;
    context.addIssue({
      code: 'custom',
      message: `must be a whole number from ${min} to ${max.toLocaleString('en-US')}`,
    });
    return z.NEVER;
  });
  return schema.meta({ pattern: '^[0-9]+$', description: `A whole number from ${min} to ${max}.` });
}

/** A number with a point in a query, such as an amount of money. */
export function amountField(min: number, max: number): z.ZodType<number, string> {
  const words = `must be a number from ${min} to ${max.toLocaleString('en-US')}, such as 0.5`;
  const schema = z.string({ error: 'must be given once' }).transform((value, context) => {
    const number = /^\d{1,15}(\.\d{1,15})?$/.test(value) ? Number(value) : Number.NaN;
    if (number >= min && number <= max) return number;
    context.addIssue({ code: 'custom', message: words });
    return z.NEVER;
  });
  return schema.meta({ pattern: String.raw`^[0-9]+(\.[0-9]+)?$`, examples: ['0.5'] });
}

/** An instant in a query or body: ISO 8601 with an offset or Z, in the years 1 to 9999. */
export function instantField(): z.ZodType<Date, string> {
  const schema = z.string({ error: 'must be one instant' }).transform((value, context) => {
    const isInstant = z.iso.datetime({ offset: true }).safeParse(value).success;
    const at = new Date(value);
    if (isInstant && isWithinCalendar(at)) return at;
    context.addIssue({
      code: 'custom',
      message: isInstant
        ? 'must be in the years 1 to 9999 (UTC)'
        : 'must be an instant in ISO 8601 with Z or an offset, like 2026-01-31T09:00:00Z',
    });
    return z.NEVER;
  });
  return schema.meta({ format: 'date-time' });
}

/** The fields that every list takes. */
export const PAGE_FIELDS = {
  limit: countField(1, MAX_PAGE_SIZE).prefault(String(DEFAULT_PAGE_SIZE)),
  cursor: z
    .string({ error: 'must be given once' })
    .regex(/^[\x21-\x7e]{1,500}$/, 'is not a cursor of this API')
    .optional()
    .transform((cursor) => cursor ?? null)
    .meta({ description: '`nextCursor` of the page before.' }),
};

/**
 * Text of `min` to `max` characters. Characters are Unicode code points, as in JSON Schema: an emoji counts once.
 * Refuses what Postgres cannot store (NUL, halves of surrogate pairs), and, unless `min` is 0, text of blanks only.
 */
export function text(min: number, max: number): z.ZodType<string, string> {
  const schema = z.string().superRefine((value, context) => {
    const problem = findTextProblem(value, min, max);
    if (problem) context.addIssue({ code: 'custom', message: problem });
  });
  return schema.meta({ ...(min > 0 ? { minLength: min } : {}), maxLength: max });
}

/** Text of one line, for names. */
export function line(min: number, max: number): z.ZodType<string, string> {
  const schema = text(min, max).superRefine((value, context) => {
    if (/[\p{Cc}\u2028\u2029]/u.test(value))
      context.addIssue({ code: 'custom', message: 'must be one line without control characters' });
  });
  return schema.meta({ ...(min > 0 ? { minLength: min } : {}), maxLength: max });
}

function findTextProblem(value: string, min: number, max: number): string | null {
  if (value.length < min) return min === 1 ? 'must not be empty' : `must have at least ${min} characters`;
  if (isLongerThan(value, max)) return `must have at most ${max.toLocaleString('en-US')} characters`;
  if (min > 0 && value.trim() === '') return 'must not be blank';
  if (value.includes('\0')) return 'must not contain the character NUL';
  if (!value.isWellFormed()) return 'contains half of a surrogate pair: it is not valid Unicode';
  return null;
}

function isLongerThan(value: string, max: number): boolean {
  if (value.length <= max) return false;
  return value.length > 2 * max || [...value].length > max;
}

/** A Go duration between two bounds, in ms. */
export function durationField(minMs: number, maxMs: number): z.ZodType<number, string> {
  const schema = z.string().transform((value, context) => {
    const parsed = parseDuration(value);
    const problem = parsed.ok ? findRangeProblem(parsed.ms, minMs, maxMs) : parsed.message;
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
    return parsed.ok && problem === null ? parsed.ms : z.NEVER;
  });
  return schema.meta({
    format: 'go-duration',
    description: `A Go duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)}.`,
    examples: ['30m', '1h30m'],
  });
}

function findRangeProblem(ms: number, minMs: number, maxMs: number): string | null {
  return ms >= minMs && ms <= maxMs ? null : `must be from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
}

/** The name of a secret of the organization. */
export const secretName = z
  .string()
  .regex(SECRET_NAME, 'must be of letters, digits, "-", "_" and ".", with a letter or digit at both ends, up to 63');

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** An id of ours in a path. Asking Postgres for anything else would be an error instead of a miss. */
export function idOf(resource: string): PathParam<string> {
  return { schema: z.string().regex(UUID).toLowerCase(), resource, isOwned: true };
}

/** Whether this could be an id of ours. */
export function isResourceId(id: string): boolean {
  return UUID.test(id);
}

/** The body of a POST that needs none. */
export const emptyBody = z.strictObject({});
