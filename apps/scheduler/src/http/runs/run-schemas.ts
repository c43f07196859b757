import { z } from 'zod';
import { MESSAGE_KINDS } from '@crewtab/domain/runs/message';
import { RUN_PHASES, type RunStatus, type RunTrigger } from '@crewtab/domain/runs/run';
import { countField, DEFAULT_PAGE_SIZE, instantField, MAX_PAGE_SIZE, PAGE_FIELDS } from '../input/page-query';

export const RUN_STATUSES = [
  'queued',
  'running',
  'success',
  'failed',
  'timeout',
  'cancelled',
  'skipped',
  'missed',
] as const satisfies readonly RunStatus[];
export const RUN_TRIGGERS = ['schedule', 'manual', 'catchup', 'rerun'] as const satisfies readonly RunTrigger[];

/** Stands behind the seq in the id of the very last event of a run: there is nothing to come back for. */
export const END_MARK = '.end';

/** Seqs are a 32-bit integer in Postgres. */
const MAX_SEQ = 2_147_483_647;

/** A whole number as a query or header gives it. */
const seq = countField(0, MAX_SEQ).meta({ description: 'Messages after this seq; 0 is the beginning.' });

export const runListQuery = z
  .strictObject({
    ...PAGE_FIELDS,
    status: z.enum(RUN_STATUSES).optional(),
    trigger: z.enum(RUN_TRIGGERS).optional(),
    since: instantField().optional().meta({ description: 'Runs scheduled for this instant or later.' }),
    until: instantField().optional().meta({ description: 'Runs scheduled for earlier than this instant.' }),
  })
  .refine(({ since, until }) => !since || !until || since < until, {
    path: ['until'],
    message: 'must be later than since',
  });

export const messageListQuery = z.strictObject({
  after: seq.optional(),
  cursor: seq.optional().meta({ description: '`nextCursor` of the page before: the same as `after`.' }),
  limit: countField(1, MAX_PAGE_SIZE).prefault(String(DEFAULT_PAGE_SIZE)),
});

export const eventsQuery = z.strictObject({ after: seq.prefault('0') });

/** `Last-Event-ID` is an id that we gave out: a seq, with a mark behind it once the run was over. */
export const lastEventId = z.object({
  'Last-Event-ID': z
    .string()
    .regex(/^\d{1,15}(\.end)?$/, 'is not an id of this stream')
    .transform((id) => ({ seq: Number.parseInt(id, 10), isEnd: id.endsWith(END_MARK) }))
    .refine(({ seq }) => seq <= MAX_SEQ, 'is not an id of this stream')
    .optional(),
});

export const emptyBody = z.strictObject({});

const failureView = z.object({ code: z.string(), message: z.string() });

/** A ScheduleRun as the API answers it. */
export const runView = z.object({
  id: z.string(),
  scheduleId: z.string(),
  teamId: z.string(),
  teamName: z.string(),
  trigger: z.enum(RUN_TRIGGERS),
  scheduledFor: z.iso.datetime(),
  status: z.enum(RUN_STATUSES),
  phase: z.enum(RUN_PHASES),
  attempt: z.int(),
  prompt: z.string(),
  timeout: z.string().meta({ format: 'go-duration' }),
  timeoutSeconds: z.number(),
  result: z.string().nullable().meta({ description: "The leader's final text." }),
  error: failureView
    .nullable()
    .meta({ description: 'Why the run did not end in success; codes are explained in docs/errors.md.' }),
  startedAt: z.iso.datetime().nullable(),
  deadlineAt: z.iso.datetime().nullable(),
  finishedAt: z.iso.datetime().nullable(),
  cancelRequestedAt: z.iso.datetime().nullable(),
  teamDeploymentId: z.string().nullable(),
  teardown: z
    .object({
      containers: z.int(),
      networks: z.int(),
      volumes: z.int(),
      verifiedAt: z.iso
        .datetime()
        .nullable()
        .meta({ description: 'When the engine last said that nothing is left; null when it was given up unasked.' }),
      givenUp: z
        .object({ at: z.iso.datetime(), by: z.string() })
        .nullable()
        .meta({ description: "Who decommissioned the run's host before the engine could be asked." }),
    })
    .nullable()
    .meta({ description: 'What was removed, with its proof; null until then.' }),
  teardownFailure: failureView
    .extend({ attempts: z.int() })
    .nullable()
    .meta({ description: 'The last failed attempt to remove the containers, while none has succeeded.' }),
});

export const messageView = z.object({
  seq: z.int(),
  at: z.iso.datetime(),
  agent: z.string().nullable().meta({ description: "The agent's name; null for what Crewtab itself says." }),
  kind: z.enum(MESSAGE_KINDS),
  content: z
    .record(z.string(), z.unknown())
    .meta({ description: "{ text } for text, the protocol's own object otherwise." }),
});
