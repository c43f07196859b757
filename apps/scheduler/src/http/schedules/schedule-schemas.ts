import { z } from 'zod';
import { formatDuration } from '@crewtab/domain/durations';
import { parseCron } from '@crewtab/domain/schedules/cron';
import { isValidTimezone } from '@crewtab/domain/schedules/next-fire';
import type { CatchUpPolicy, OverlapPolicy, ScheduleStatus } from '@crewtab/domain/schedules/schedule';
import type { HttpSettings } from '../http-deps';
import { durationField } from '../input/duration-field';
import { countField, instantField, PAGE_FIELDS } from '../input/page-query';
import { line, text } from '../input/text';
import { LIMITS } from '../limits';

export const OVERLAP_POLICIES = ['allow', 'skip', 'queue', 'replace'] as const satisfies readonly OverlapPolicy[];
export const CATCH_UP_POLICIES = ['none', 'latest', 'all'] as const satisfies readonly CatchUpPolicy[];
export const SCHEDULE_STATUSES = ['running', 'error', 'idle'] as const satisfies readonly ScheduleStatus[];

export const SCHEDULE_DEFAULTS = {
  timezone: 'UTC',
  enabled: true,
  overlap: 'allow',
  catchUp: 'latest',
  catchUpWindowMs: 3_600_000,
} as const;
const DEFAULT_OCCURRENCES = 5;

const cron = z
  .string()
  .superRefine((value, context) => {
    const parsed = parseCron(value);
    if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.message });
  })
  .meta({
    description: 'Five fields (minute, hour, day of month, month, day of week) or an @alias such as @daily.',
    examples: ['0 9 * * 1-5'],
  });

const timezone = z
  .string()
  .superRefine((value, context) => {
    if (!isValidTimezone(value))
      context.addIssue({ code: 'custom', message: 'is not an IANA time zone such as Europe/Berlin' });
  })
  .meta({ description: 'An IANA time zone.', examples: ['Europe/Berlin'] });

const occurrenceFields = {
  count: countField(1, LIMITS.occurrences).prefault(String(DEFAULT_OCCURRENCES)),
  from: instantField().optional().meta({ description: 'Occurrences after this instant; default now.' }),
};

export function scheduleSchemas(settings: Pick<HttpSettings, 'defaultTimeoutMs' | 'maxTimeoutMs'>) {
  const fields = {
    teamId: z.string().min(1).max(100),
    name: line(1, LIMITS.scheduleNameLength),
    prompt: text(1, LIMITS.promptLength),
    cron,
    timezone,
    enabled: z.boolean(),
    timeout: durationField(LIMITS.minTimeoutMs, settings.maxTimeoutMs),
    overlap: z
      .enum(OVERLAP_POLICIES)
      .meta({ description: 'What happens when a run is due while another one is active.' }),
    catchUp: z.enum(CATCH_UP_POLICIES).meta({ description: 'Which missed occurrences are run afterwards.' }),
    catchUpWindow: durationField(0, LIMITS.maxCatchUpWindowMs),
  };
  return {
    create: z.strictObject({
      ...fields,
      timezone: fields.timezone.default(SCHEDULE_DEFAULTS.timezone),
      enabled: fields.enabled.default(SCHEDULE_DEFAULTS.enabled),
      timeout: fields.timeout.prefault(formatDuration(settings.defaultTimeoutMs)),
      overlap: fields.overlap.default(SCHEDULE_DEFAULTS.overlap),
      catchUp: fields.catchUp.default(SCHEDULE_DEFAULTS.catchUp),
      catchUpWindow: fields.catchUpWindow.prefault(formatDuration(SCHEDULE_DEFAULTS.catchUpWindowMs)),
    }),
    patch: z.strictObject(fields).partial(),
    list: z.strictObject({
      ...PAGE_FIELDS,
      teamId: z.string({ error: 'must be given once' }).min(1).max(100).optional(),
      enabled: z
        .enum(['true', 'false'])
        .transform((value) => value === 'true')
        .optional(),
      status: z.enum(SCHEDULE_STATUSES).optional(),
    }),
    note: z.strictObject({ note: text(0, LIMITS.noteLength).nullable().default(null) }),
    upcoming: z.strictObject(occurrenceFields),
    preview: z.strictObject({ cron, timezone: timezone.default(SCHEDULE_DEFAULTS.timezone), ...occurrenceFields }),
  };
}

export type ScheduleInput = z.output<ReturnType<typeof scheduleSchemas>['create']>;

/** A schedule as the API answers it. */
export const scheduleView = z.object({
  id: z.string(),
  teamId: z.string(),
  name: z.string(),
  prompt: z.string(),
  cron: z.string(),
  timezone: z.string(),
  enabled: z.boolean(),
  timeout: z.string().meta({ format: 'go-duration' }),
  timeoutSeconds: z.number(),
  overlap: z.enum(OVERLAP_POLICIES),
  catchUp: z.enum(CATCH_UP_POLICIES),
  catchUpWindow: z.string().meta({ format: 'go-duration' }),
  status: z.enum(SCHEDULE_STATUSES).meta({
    description:
      'running while a run is active; otherwise error if the latest finished run ended in failed or timeout; otherwise idle.',
  }),
  lastRunAt: z.iso.datetime().nullable(),
  nextRunAt: z.iso.datetime().nullable().meta({ description: 'Null while the schedule is paused.' }),
  fault: z.object({ message: z.string(), since: z.iso.datetime() }).nullable().meta({
    description:
      'Why an enabled schedule cannot fire: its cron or time zone cannot be evaluated any more. Editing it repairs it. Null while all is well.',
  }),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});

export const occurrencesView = z.object({
  description: z.string().meta({ examples: ['At 09:00 AM, Monday through Friday'] }),
  timezone: z.string(),
  occurrences: z.array(z.iso.datetime()),
});
