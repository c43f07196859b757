import { z } from 'zod';
import { parseCron } from '@crewtab/domain/schedules/cron';
import { isValidTimezone } from '@crewtab/domain/schedules/next-fire';

export const cronField = z
  .string()
  .superRefine((value, context) => {
    const parsed = parseCron(value);
    if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.message });
  })
  .meta({
    description: 'Five fields (minute, hour, day of month, month, day of week) or an @alias such as @daily.',
    examples: ['0 9 * * 1-5'],
  });

export const timezoneField = z
  .string()
  .superRefine((value, context) => {
    if (!isValidTimezone(value))
      context.addIssue({ code: 'custom', message: 'is not an IANA time zone such as Europe/Berlin' });
  })
  .meta({ description: 'An IANA time zone.', examples: ['Europe/Berlin'] });
