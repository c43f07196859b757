import { z } from 'zod';

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
