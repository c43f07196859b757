import { z } from 'zod';
import { countField, durationField, idOf, instantField, PAGE_FIELDS } from './fields';
import { LIMITS } from './limits';
import { API_PATH, defineRoute, pageOf, type ContractSettings } from './route';
import { CATCH_UP_POLICIES, durationStats, OVERLAP_POLICIES, runMark } from './schedule-routes';
import { PROMPT_FORMATS } from './prompt-routes';
import { cronField, timezoneField } from './schedule-fields';
import { artifactsField, verifyField } from './verify-fields';

const MAX_FORECAST = 500;

const forecastBody = (settings: ContractSettings) =>
  z.strictObject({
    cron: cronField,
    timezone: timezoneField.default('UTC'),
    timeout: durationField(LIMITS.minTimeoutMs, settings.maxTimeoutMs).optional(),
    scheduleId: z.uuid().optional().meta({ description: 'Whose runs tell how long a run takes.' }),
    from: instantField().optional().meta({ description: 'Instants after this one; default now.' }),
    count: z.int().min(1).max(MAX_FORECAST).default(10),
  });

const forecastView = z.object({
  description: z.string(),
  timezone: z.string(),
  occurrences: z.array(z.iso.datetime()),
  stats: durationStats,
  expected: z
    .object({ p50Seconds: z.number(), p95Seconds: z.number() })
    .nullable()
    .meta({ description: 'How long each run is expected to take; null: too few runs (under five) to say.' }),
  overlap: z.object({
    probability: z.number().nullable().meta({
      description: 'That a run still works when the next one is due; null: too few runs (under five) to say.',
    }),
    n: z.int(),
  }),
  timeout: z
    .object({ near: z.int(), over: z.int(), n: z.int() })
    .nullable()
    .meta({ description: 'With `timeout`: how many past runs took 70 % of it or more, and how many all of it.' }),
});

export type ForecastView = z.input<typeof forecastView>;

const revisionFields = z.object({
  teamId: z.string(),
  name: z.string(),
  prompt: z.string(),
  cron: z.string(),
  timezone: z.string(),
  enabled: z.boolean(),
  timeout: z.string().meta({ format: 'go-duration' }),
  overlap: z.enum(OVERLAP_POLICIES),
  catchUp: z.enum(CATCH_UP_POLICIES),
  catchUpWindow: z.string().meta({ format: 'go-duration' }),
  // Absent in revisions that are older than these fields.
  allowEmpty: z.boolean().optional(),
  allowOpenToolCalls: z.boolean().optional(),
  promptFormat: z.enum(PROMPT_FORMATS).optional(),
  variables: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  verify: verifyField.optional(),
  artifacts: artifactsField.optional(),
});

const revisionView = z.object({
  revision: z.int(),
  kind: z.enum(['found', 'created', 'edited', 'paused', 'resumed']).meta({
    description: '`found`: how the schedule stood when revisions began to be kept.',
  }),
  changed: z.array(z.keyof(revisionFields)),
  fields: revisionFields.meta({ description: 'All that was set from then on. PATCH with some of it restores them.' }),
  note: z.string().nullable(),
  by: z
    .object({ keyId: z.string(), name: z.string() })
    .nullable()
    .meta({ description: 'The API key that it was done with, also of a session; null where it is not known.' }),
  at: z.iso.datetime(),
});

export type RevisionView = z.input<typeof revisionView>;

const ledgerEntry = z.object({
  at: z.iso.datetime(),
  run: runMark,
  lagMs: z.int().nullable().meta({ description: 'From the instant until it was recorded; null of what was missed.' }),
  reason: z
    .object({
      code: z.string(),
      message: z.string(),
      runId: z.string().optional().meta({ description: 'The run that was in the way.' }),
      from: z.iso.datetime().optional().meta({ description: 'When the gap began in which it was missed.' }),
      to: z.iso.datetime().optional(),
    })
    .nullable()
    .meta({ description: 'Why it did not run; null where it did.' }),
  otherwise: z
    .object({ policy: z.string(), runId: z.string().optional() })
    .nullable()
    .meta({ description: 'With which policy this instant would have run; `runId`: beside which run.' }),
});

const pausedSpan = z.object({
  from: z.iso.datetime(),
  to: z.iso.datetime().nullable().meta({ description: 'Null: it still is.' }),
  note: z.string().nullable(),
  instants: z
    .array(z.iso.datetime())
    .meta({ description: 'At most 50 at which it would have fired. Computed: there are no runs of them.' }),
  hasMore: z.boolean(),
});

export type PausedSpanView = z.input<typeof pausedSpan>;

const ledgerView = pageOf(ledgerEntry).extend({
  pauses: z.array(pausedSpan).meta({ description: 'Those that reach into the time of the page, newest first.' }),
});

export type LedgerView = z.input<typeof ledgerView>;

const PATH = `${API_PATH}/schedules/:id` as const;
const shared = { tag: 'Schedules', role: 'member' } as const;
const params = { id: idOf('schedule') };

export const forecastDraft = defineRoute({
  ...shared,
  method: 'post',
  path: `${API_PATH}/forecast`,
  operationId: 'forecastDraft',
  summary: 'What a schedule would do, before it is stored',
  body: { schema: forecastBody, example: { cron: '0 9 * * 1-5', timezone: 'Europe/Berlin', timeout: '30m' } },
  answer: { status: 200, description: 'Its next instants, and what past runs say of them.', view: forecastView },
  errors: ['not_found'],
});

export const getLedger = defineRoute({
  ...shared,
  method: 'get',
  path: `${PATH}/ledger`,
  params,
  operationId: 'getLedger',
  summary: 'Every instant of a schedule and what became of it, newest first',
  query: z.strictObject(PAGE_FIELDS),
  answer: { status: 200, description: 'A page of instants.', view: ledgerView },
});

export const getRevisions = defineRoute({
  ...shared,
  method: 'get',
  path: `${PATH}/revisions`,
  params,
  operationId: 'getRevisions',
  summary: 'Every edit, pause and resume of a schedule, newest first',
  query: z.strictObject({
    limit: PAGE_FIELDS.limit,
    cursor: countField(1, 2_147_483_647).optional().meta({ description: '`nextCursor` of the page before.' }),
  }),
  answer: { status: 200, description: 'A page of revisions.', view: pageOf(revisionView) },
});

export const historyRoutes = [forecastDraft, getLedger, getRevisions] as const;
