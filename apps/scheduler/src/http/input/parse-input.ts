import type { z } from 'zod';
import { invalidInput } from '../server/problem';
import { toFieldErrors } from './field-errors';

/** Reads a body or query by its schema; refuses it with every fault at once. @throws RequestRefused invalid_request */
export function parseInput<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw invalidInput(toFieldErrors(parsed.error.issues), { cause: parsed.error });
}

/** As `parseInput`, for POSTs whose body may be left out. */
export function parseOptionalBody<T>(schema: z.ZodType<T>, body: unknown): T {
  return parseInput(schema, body ?? {});
}
