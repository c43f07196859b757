import { z } from 'zod';
import { formatDuration } from '@crewtab/domain/durations';
import type { ScheduleSort } from '@crewtab/domain/ports/management-store';
import type { CatchUpPolicy, OverlapPolicy, ScheduleStatus } from '@crewtab/domain/schedules/schedule';
import { countField, durationField, idOf, instantField, line, PAGE_FIELDS, text } from './fields';
import { LIMITS } from './limits';
import { PROMPT_FORMATS, promptFormatField, variablesField } from './prompt-routes';
import { API_PATH, defineRoute, pageOf, type ContractSettings } from './route';
import { cronField, timezoneField } from './schedule-fields';
import { artifactsField, verifyField } from './verify-fields';
import { RUN_LIST_NOTE, RUN_STATUSES, RUN_TRIGGERS, runListQuery, runView } from './run-routes';

export const OVERLAP_POLICIES = ['allow', 'skip', 'queue', 'replace'] as const satisfies readonly OverlapPolicy[];
export const CATCH_UP_POLICIES = ['none', 'latest', 'all'] as const satisfies readonly CatchUpPolicy[];
const SCHEDULE_SORTS = ['newest', 'name', 'next'] as const satisfies readonly ScheduleSort[];
const INCLUDES = ['recent', 'stats'] as const;
export type Include = (typeof INCLUDES)[number];
/** How many of a schedule's newest runs come with it. */
export const RECENT_RUNS = 30;
const SCHEDULE_STATUSES = ['running', 'error', 'idle'] as const satisfies readonly ScheduleStatus[];

export const SCHEDULE_DEFAULTS = {
  timezone: 'UTC',
  enabled: true,
  overlap: 'allow',
  catchUp: 'latest',
  catchUpWindowMs: 3_600_000,
  allowEmpty: false,
  allowOpenToolCalls: false,
  promptFormat: 'template',
  variables: {},
  verify: null,
  artifacts: null,
} as const;
const DEFAULT_OCCURRENCES = 5;

const occurrenceFields = {
  count: countField(1, LIMITS.occurrences).prefault(String(DEFAULT_OCCURRENCES)),
  from: instantField().optional().meta({ description: 'Occurrences after this instant; default now.' }),
};

function scheduleSchemas(settings: ContractSettings) {
  const fields = {
    teamId: z.string().min(1).max(100),
    name: line(1, LIMITS.scheduleNameLength),
    prompt: text(1, LIMITS.promptLength),
    promptFormat: promptFormatField,
    variables: variablesField,
    cron: cronField,
    timezone: timezoneField,
    enabled: z.boolean(),
    timeout: durationField(LIMITS.minTimeoutMs, settings.maxTimeoutMs),
    overlap: z
      .enum(OVERLAP_POLICIES)
      .meta({ description: 'What happens when a run is due while another one is active.' }),
    catchUp: z.enum(CATCH_UP_POLICIES).meta({ description: 'Which missed occurrences are run afterwards.' }),
    catchUpWindow: durationField(0, LIMITS.maxCatchUpWindowMs),
    allowEmpty: z
      .boolean()
      .meta({ description: 'Whether a run may succeed although its leader said nothing (otherwise empty_result).' }),
    allowOpenToolCalls: z.boolean().meta({
      description: 'Whether a run may succeed although its leader left a tool call open (otherwise tool_call_open).',
    }),
    verify: verifyField,
    artifacts: artifactsField,
  };
  return {
    create: z.strictObject({
      ...fields,
      promptFormat: fields.promptFormat.default(SCHEDULE_DEFAULTS.promptFormat),
      variables: fields.variables.default(SCHEDULE_DEFAULTS.variables),
      timezone: fields.timezone.default(SCHEDULE_DEFAULTS.timezone),
      enabled: fields.enabled.default(SCHEDULE_DEFAULTS.enabled),
      timeout: fields.timeout.prefault(formatDuration(settings.defaultTimeoutMs)),
      overlap: fields.overlap.default(SCHEDULE_DEFAULTS.overlap),
      catchUp: fields.catchUp.default(SCHEDULE_DEFAULTS.catchUp),
      catchUpWindow: fields.catchUpWindow.prefault(formatDuration(SCHEDULE_DEFAULTS.catchUpWindowMs)),
      allowEmpty: fields.allowEmpty.default(SCHEDULE_DEFAULTS.allowEmpty),
      allowOpenToolCalls: fields.allowOpenToolCalls.default(SCHEDULE_DEFAULTS.allowOpenToolCalls),
      verify: fields.verify.default(SCHEDULE_DEFAULTS.verify),
      artifacts: fields.artifacts.default(SCHEDULE_DEFAULTS.artifacts),
    }),
    patch: z.strictObject(fields).partial(),
  };
}

/** A list in one parameter: `include=recent,stats`. */
const includeField = z
  .string({ error: 'must be given once' })
  .transform((value, context) => {
    const parts = value.split(',').map((part) => INCLUDES.find((one) => one === part));
    if (parts.every((part) => part !== undefined)) return new Set(parts);
    context.addIssue({ code: 'custom', message: `must be a list of ${INCLUDES.join(', ')}` });
    return z.NEVER;
  })
  .optional()
  .transform((parts) => parts ?? new Set<Include>())
  .meta({ description: '`recent`: the last 30 runs; `stats`: how long runs take. Separated by a comma.' });

const listQuery = z.strictObject({
  ...PAGE_FIELDS,
  teamId: z.string({ error: 'must be given once' }).min(1).max(100).optional(),
  enabled: z
    .enum(['true', 'false'])
    .transform((value) => value === 'true')
    .optional(),
  status: z.enum(SCHEDULE_STATUSES).optional(),
  q: z
    .string({ error: 'must be given once' })
    .min(1)
    .max(LIMITS.scheduleNameLength)
    .optional()
    .meta({ description: 'A part of the name, whatever the case.' }),
  sort: z.enum(SCHEDULE_SORTS).default('newest').meta({ description: '`next`: what is due first; paused ones last.' }),
  include: includeField,
});

/** Only the revision counts: the rest of an ETag changes with every run. */
const ifMatch = z.object({
  'If-Match': z
    .string()
    .regex(/^"\d{1,9}(-[\w-]*)?"$/, 'is not an ETag of a schedule')
    .transform((etag) => Number.parseInt(etag.slice(1), 10))
    .optional()
    .meta({ description: 'The ETag of the schedule that the edit is meant for; its revision in quotes does as well.' }),
});

const getQuery = z.strictObject({ include: includeField });

const triggerBody = z.strictObject({
  prompt: text(1, LIMITS.promptLength)
    .optional()
    .meta({ description: "Stands in for the schedule's prompt in this run." }),
});

const noteBody = z.strictObject({ note: text(0, LIMITS.noteLength).nullable().default(null) });

export type ScheduleInput = z.output<ReturnType<typeof scheduleSchemas>['create']>;

/** A run as a picture needs it. */
export const runMark = z.object({
  id: z.string(),
  status: z.enum(RUN_STATUSES),
  trigger: z.enum(RUN_TRIGGERS),
  scheduledFor: z.iso.datetime(),
  startedAt: z.iso.datetime().nullable(),
  finishedAt: z.iso.datetime().nullable(),
});

export type RunMark = z.input<typeof runMark>;

export const durationStats = z
  .object({
    n: z
      .int()
      .meta({ description: 'How many runs they are of: the last hundred at most, without those that were cancelled.' }),
    p50Seconds: z.number().nullable(),
    p95Seconds: z.number().nullable(),
  })
  .meta({ description: 'How long runs took.' });

export type DurationStatsView = z.input<typeof durationStats>;

/** A schedule as the API answers it. */
export const scheduleView = z
  .object({
    id: z.string(),
    teamId: z.string(),
    name: z.string(),
    prompt: z.string(),
    promptFormat: z.enum(PROMPT_FORMATS),
    variables: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    cron: z.string(),
    cronDescription: z
      .string()
      .nullable()
      .meta({ description: 'The cron in words; null where it cannot be evaluated.', examples: ['At 09:00 AM'] }),
    timezone: z.string(),
    enabled: z.boolean(),
    timeout: z.string().meta({ format: 'go-duration' }),
    timeoutSeconds: z.number(),
    overlap: z.enum(OVERLAP_POLICIES),
    catchUp: z.enum(CATCH_UP_POLICIES),
    catchUpWindow: z.string().meta({ format: 'go-duration' }),
    allowEmpty: z.boolean(),
    allowOpenToolCalls: z.boolean(),
    verify: verifyField,
    artifacts: artifactsField,
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
    revision: z.int().meta({ description: 'Grows with every edit, pause and resume; the ETag begins with it.' }),
    note: z
      .object({ text: z.string(), at: z.iso.datetime() })
      .nullable()
      .meta({ description: 'What was said when it was last paused or resumed.' }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    recent: z
      .array(runMark)
      .optional()
      .meta({ description: 'With `include=recent`: the newest 30 runs, newest first.' }),
    stats: durationStats.optional().meta({ description: 'With `include=stats`.' }),
  })
  .meta({ id: 'Schedule' });

export type ScheduleView = z.input<typeof scheduleView>;

const occurrencesView = z
  .object({
    description: z.string().meta({ examples: ['At 09:00 AM, Monday through Friday'] }),
    timezone: z.string(),
    occurrences: z.array(z.iso.datetime()),
  })
  .meta({ id: 'Occurrences' });

export type OccurrencesView = z.input<typeof occurrencesView>;

const SCHEDULE_EXAMPLE = {
  teamId: '0198c0de-0000-7000-8000-000000000001',
  name: 'Weekday report',
  prompt: 'Write a report on what happened since yesterday.',
  cron: '0 9 * * 1-5',
  timezone: 'Europe/Berlin',
  timeout: '30m',
  overlap: 'skip',
};

const PATH = `${API_PATH}/schedules` as const;
const ONE = `${PATH}/:id` as const;
const shared = { tag: 'Schedules', role: 'member' } as const;
const params = { id: idOf('schedule') };

export const createSchedule = defineRoute({
  ...shared,
  method: 'post',
  path: PATH,
  operationId: 'createSchedule',
  summary: 'Create a schedule',
  body: { schema: (settings: ContractSettings) => scheduleSchemas(settings).create, example: SCHEDULE_EXAMPLE },
  answer: { status: 201, description: 'The schedule.', view: scheduleView },
  errors: ['not_found'],
});

export const listSchedules = defineRoute({
  ...shared,
  method: 'get',
  path: PATH,
  operationId: 'listSchedules',
  summary: 'List schedules',
  query: listQuery,
  answer: { status: 200, description: 'A page of schedules.', view: pageOf(scheduleView) },
});

export const previewCron = defineRoute({
  ...shared,
  method: 'get',
  path: `${PATH}/preview`,
  operationId: 'previewCron',
  summary: 'What a cron expression would mean, before anything is stored',
  query: z.strictObject({
    cron: cronField,
    timezone: timezoneField.default(SCHEDULE_DEFAULTS.timezone),
    ...occurrenceFields,
  }),
  answer: {
    status: 200,
    description: 'What the cron expression means, and its next instants.',
    view: occurrencesView,
  },
});

export const getSchedule = defineRoute({
  ...shared,
  method: 'get',
  path: ONE,
  params,
  operationId: 'getSchedule',
  summary: 'Get a schedule',
  query: getQuery,
  answer: { status: 200, description: 'The schedule.', view: scheduleView },
});

export const updateSchedule = defineRoute({
  ...shared,
  method: 'patch',
  path: ONE,
  params,
  operationId: 'updateSchedule',
  summary: 'Change some fields of a schedule',
  description:
    'Fields left out stay as they are. Runs that have begun keep what they started with. With `If-Match` it is done only at that revision.',
  headers: ifMatch,
  body: {
    schema: (settings: ContractSettings) => scheduleSchemas(settings).patch,
    example: { cron: '30 8 * * 1-5', timeout: '45m' },
  },
  answer: { status: 200, description: 'The schedule as it is now.', view: scheduleView },
  errors: ['conflict', 'edited_meanwhile'],
});

export const deleteSchedule = defineRoute({
  ...shared,
  method: 'delete',
  path: ONE,
  params,
  operationId: 'deleteSchedule',
  summary: 'Delete a schedule',
  answer: { status: 204, description: 'It is gone; its runs stay readable and those that are active go on.' },
  errors: ['conflict'],
});

export const pauseSchedule = defineRoute({
  ...shared,
  method: 'post',
  path: `${ONE}/pause`,
  params,
  operationId: 'pauseSchedule',
  summary: 'Stop future fires; live runs go on',
  body: { schema: noteBody, isOptional: true, example: { note: 'on holiday' } },
  answer: { status: 200, description: 'The schedule as it is now.', view: scheduleView },
  errors: ['conflict'],
});

export const resumeSchedule = defineRoute({
  ...shared,
  method: 'post',
  path: `${ONE}/resume`,
  params,
  operationId: 'resumeSchedule',
  summary: 'Fire again from now on',
  body: { schema: noteBody, isOptional: true, example: { note: 'back from holiday' } },
  answer: { status: 200, description: 'The schedule as it is now.', view: scheduleView },
  errors: ['conflict'],
});

export const triggerSchedule = defineRoute({
  ...shared,
  method: 'post',
  path: `${ONE}/trigger`,
  params,
  operationId: 'triggerSchedule',
  summary: 'Run now',
  description:
    'Also while the schedule is paused. Under overlap `skip` with an active run the new one is recorded as `skipped`.',
  body: { schema: triggerBody, isOptional: true, example: { prompt: 'Only look at yesterday.' } },
  answer: { status: 202, description: 'The run.', view: runView },
});

export const resetWorkspace = defineRoute({
  ...shared,
  method: 'post',
  path: `${ONE}/workspace/reset`,
  params,
  operationId: 'resetWorkspace',
  summary: 'Begin the next run with an empty workspace',
  description:
    'Where the workspace is kept between runs (`workspace.persist` of the team). A run that has begun keeps what it has; the old workspace is removed after it. Without one nothing changes.',
  answer: { status: 204, description: 'The next run begins with an empty workspace.' },
});

export const listRunsOfSchedule = defineRoute({
  ...shared,
  method: 'get',
  path: `${ONE}/runs`,
  params,
  operationId: 'listRunsOfSchedule',
  summary: 'The history of a schedule, newest first',
  description: RUN_LIST_NOTE,
  query: runListQuery,
  answer: { status: 200, description: 'A page of runs.', view: pageOf(runView) },
});

export const getUpcoming = defineRoute({
  ...shared,
  method: 'get',
  path: `${ONE}/upcoming`,
  params,
  operationId: 'getUpcoming',
  summary: 'The next instants at which a schedule fires; none while it is paused',
  query: z.strictObject(occurrenceFields),
  answer: {
    status: 200,
    description: 'What the cron expression means, and its next instants.',
    view: occurrencesView,
  },
});

export const scheduleRoutes = [
  createSchedule,
  listSchedules,
  previewCron,
  getSchedule,
  updateSchedule,
  deleteSchedule,
  pauseSchedule,
  resumeSchedule,
  triggerSchedule,
  resetWorkspace,
  listRunsOfSchedule,
  getUpcoming,
] as const;
