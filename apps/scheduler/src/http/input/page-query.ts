import { z } from 'zod';
import type { Page } from '@crewtab/domain/ports/management-store';
import { isWithinCalendar } from '@crewtab/domain/calendar-bounds';

export const DEFAULT_PAGE_SIZE = 20;
export const MAX_PAGE_SIZE = 100;

/** A whole number in a query. */
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

/** A page as the API answers it. */
export function toPageView<T, V>(
  page: Page<T>,
  view: (item: T) => V,
): { readonly items: V[]; readonly nextCursor: string | null } {
  return { items: page.items.map(view), nextCursor: page.nextCursor };
}
