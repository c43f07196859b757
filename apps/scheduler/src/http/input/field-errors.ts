import type { z } from 'zod';
import type { FieldError } from '../server/problem';

/** Turns Zod's issues into the API's: one per faulty field (the first), unknown fields at their own path, words for people. */
export function toFieldErrors(issues: readonly z.core.$ZodIssue[]): FieldError[] {
  const byPath = new Map<string, FieldError>();
  for (const error of issues.flatMap(toErrors)) if (!byPath.has(error.path)) byPath.set(error.path, error);
  return [...byPath.values()];
}

function toErrors(issue: z.core.$ZodIssue): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: pathOf([...issue.path, key]), message: 'is not a known field' }));
  }
  if (issue.code === 'invalid_key' || issue.code === 'invalid_element') {
    return issue.issues.map((inner) => ({ path: pathOf([...issue.path, ...inner.path]), message: messageOf(inner) }));
  }
  return [{ path: pathOf(issue.path), message: messageOf(issue) }];
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.map(String).join('.');
}

function messageOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is required' : `must be ${withArticle(issue.expected)}`;
    case 'invalid_value':
      return issue.input === undefined ? 'is required' : `must be ${listOf(issue.values.map(String))}`;
    case 'too_small':
      return sizeMessage(issue.origin, 'at least', Number(issue.minimum));
    case 'too_big':
      return sizeMessage(issue.origin, 'at most', Number(issue.maximum));
    default:
      return issue.message;
  }
}

function sizeMessage(origin: string, bound: string, limit: number): string {
  const shown = limit.toLocaleString('en-US');
  if (origin === 'array') return `must have ${bound} ${shown} ${limit === 1 ? 'entry' : 'entries'}`;
  if (origin === 'string') return `must have ${bound} ${shown} ${limit === 1 ? 'character' : 'characters'}`;
  return `must be ${bound} ${shown}`;
}

function withArticle(type: string): string {
  const word = type === 'int' ? 'whole number' : type === 'record' ? 'object' : type;
  return `${/^[aeio]/.test(word) ? 'an' : 'a'} ${word}`;
}

function listOf(values: readonly string[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.join(', ')}`;
}
