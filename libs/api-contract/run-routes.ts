import { z } from 'zod';
import { OUTLINE_COLUMNS, OUTLINE_PROBLEMS, RUN_SORTS } from '@crewtab/domain/ports/management-store';
import { MESSAGE_KINDS } from '@crewtab/domain/runs/message';
import { RUN_COUNT_LIMIT, RUN_PHASES, type RunStatus, type RunTrigger } from '@crewtab/domain/runs/run';
import type { UsagePart } from '@crewtab/domain/runs/usage';
import {
  amountField,
  countField,
  DEFAULT_PAGE_SIZE,
  durationField,
  emptyBody,
  idOf,
  instantField,
  PAGE_FIELDS,
  text,
} from './fields';
import { API_PATH, defineRoute, pageOf } from './route';
import { pushView, verificationView } from './verify-fields';

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

const SPAN_FIELDS = {
  trigger: z.enum(RUN_TRIGGERS).optional(),
  code: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,62}$/, 'is not a code: those are words in small letters, such as agent_idle')
    .optional()
    .meta({ description: 'Of the error: runs that ended with it.' }),
  since: instantField().optional().meta({ description: 'Runs scheduled for this instant or later.' }),
  until: instantField().optional().meta({ description: 'Runs scheduled for earlier than this instant.' }),
} as const;

const OF_FIELDS = {
  scheduleId: z.uuid('is not the id of a schedule').optional().meta({ description: 'Runs of this schedule.' }),
  teamId: z.uuid('is not the id of a team').optional().meta({ description: 'Runs of this team.' }),
} as const;

const LONGEST_RUN_MS = 366 * 86_400_000;
const MAX_COST = 1e9;

/** Names as the store has them. */
const VALUE_FIELDS = {
  minDuration: durationField(0, LONGEST_RUN_MS)
    .optional()
    .meta({ description: 'Finished runs that took at least so long from their start.' }),
  maxDuration: durationField(0, LONGEST_RUN_MS)
    .optional()
    .meta({ description: 'Finished runs that took at most so long.' }),
  minCost: amountField(0, MAX_COST)
    .optional()
    .meta({ description: 'Finished runs whose cost is known to be at least that, in whatever currency.' }),
  maxCost: amountField(0, MAX_COST)
    .optional()
    .meta({ description: 'Finished runs whose cost is known to be at most that.' }),
} as const;

interface Bounds {
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
  readonly minDuration?: number | undefined;
  readonly maxDuration?: number | undefined;
  readonly minCost?: number | undefined;
  readonly maxCost?: number | undefined;
}

function checkBounds(query: Bounds, context: z.core.$RefinementCtx): void {
  const { since, until, minDuration, maxDuration, minCost, maxCost } = query;
  const refuse = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
  if (since && until && since >= until) refuse('until', 'must be later than since');
  if (minDuration !== undefined && maxDuration !== undefined && minDuration > maxDuration)
    refuse('maxDuration', 'must not be shorter than minDuration');
  if (minCost !== undefined && maxCost !== undefined && minCost > maxCost)
    refuse('maxCost', 'must not be lower than minCost');
}

const LISTED_FIELDS = {
  ...PAGE_FIELDS,
  status: z.enum(RUN_STATUSES).optional(),
  ...SPAN_FIELDS,
  ...VALUE_FIELDS,
  sort: z.enum(RUN_SORTS).optional().meta({
    description:
      'By scheduledFor, by what runs took, or by what they cost. Runs whose duration or cost is not known are in no list that is sorted by it.',
  }),
} as const;

/** Of one schedule. */
export const runListQuery = z.strictObject(LISTED_FIELDS).superRefine(checkBounds);
const allRunsQuery = z.strictObject({ ...LISTED_FIELDS, ...OF_FIELDS }).superRefine(checkBounds);
const countsQuery = z.strictObject({ ...SPAN_FIELDS, ...VALUE_FIELDS, ...OF_FIELDS }).superRefine(checkBounds);

export const RUN_LIST_NOTE =
  'A page ends at 4 MiB, whatever `limit` says; `nextCursor` goes on. Of a result over 4,096 characters it has the beginning (`resultTruncated`).';

const MESSAGE_VIEWS = ['pieces', 'joined'] as const;

const MAX_MESSAGES = 500;

const messageListQuery = z
  .strictObject({
    after: seq.optional(),
    before: seq.optional().meta({ description: 'The newest messages before this seq, oldest first.' }),
    around: seq.optional().meta({ description: 'The messages on both sides of this seq.' }),
    cursor: seq.optional().meta({
      description: '`nextCursor` of the page before: the same as `after`, or as `before` where the page was of those.',
    }),
    limit: countField(1, MAX_MESSAGES).prefault(String(DEFAULT_PAGE_SIZE)),
    agent: z.string({ error: 'must be given once' }).min(1).max(63).optional().meta({
      description: 'Messages of this agent.',
    }),
    kind: z
      .string({ error: 'must be given once' })
      .transform((value, context) => {
        const kinds = MESSAGE_KINDS.filter((kind) => value.split(',').includes(kind));
        if (kinds.length === value.split(',').length) return kinds;
        context.addIssue({
          code: 'custom',
          message: `must be kinds with commas between them: ${MESSAGE_KINDS.join(', ')}`,
        });
        return z.NEVER;
      })
      .optional()
      .meta({ description: 'Messages of these kinds, with commas between them.', examples: ['tool_call,tool_result'] }),
    view: z
      .enum(MESSAGE_VIEWS)
      .default('pieces')
      .meta({ description: '`joined`: pieces of one message are one, and a tool call stands with its output.' }),
  })
  .superRefine(({ view, ...query }, context) => {
    const ways = (['after', 'before', 'around'] as const).filter((name) => query[name] !== undefined);
    const refuse = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
    if (ways.length > 1) refuse(ways[1] ?? 'before', `must not stand beside ${ways[0] ?? 'after'}`);
    if (view === 'joined')
      for (const name of ['before', 'around', 'agent', 'kind'] as const)
        if (query[name] !== undefined) refuse(name, 'is not there with view=joined');
  });

const searchQuery = z.strictObject({
  q: text(1, 200).meta({ description: 'Stands literally in one stored message, whatever its case.' }),
  after: seq.prefault('0'),
  cursor: seq.optional().meta({ description: '`nextCursor` of the page before: the same as `after`.' }),
  limit: countField(1, MAX_MESSAGES).prefault('100'),
});

const eventsQuery = z.strictObject({ after: seq.prefault('0') });

/** `Last-Event-ID` is an id that we gave out: a seq, with a mark behind it once the run was over. */
const lastEventId = z.object({
  'Last-Event-ID': z
    .string()
    .regex(/^\d{1,15}(\.end)?$/, 'is not an id of this stream')
    .transform((id) => ({ seq: Number.parseInt(id, 10), isEnd: id.endsWith(END_MARK) }))
    .refine(({ seq }) => seq <= MAX_SEQ, 'is not an id of this stream')
    .optional()
    .meta({ description: 'The id of the last event that was received; wins over `after`.' }),
});

const failureView = z.object({ code: z.string(), message: z.string() });

export const costView = z.object({
  amount: z.number(),
  currency: z.string().meta({ description: 'As the agent names it.', examples: ['USD'] }),
});

const USAGE_PARTS = ['tokens', 'cost'] as const satisfies readonly UsagePart[];

export const usedView = z
  .object({
    inputTokens: z.int().nullable().meta({ description: 'With what came from a cache; null: not reported.' }),
    outputTokens: z.int().nullable(),
    cost: costView.nullable(),
    incomplete: z.array(z.enum(USAGE_PARTS)).readonly().meta({
      description: 'Parts of which something was not reported, or not yet: a figure that is there is at least so much.',
    }),
  })
  .meta({ id: 'RunUsage' });

export type UsedView = z.input<typeof usedView>;

/** A ScheduleRun as the API answers it. */
export const runView = z
  .object({
    id: z.string(),
    scheduleId: z.string().nullable().meta({ description: 'Null of a try: a run of a team without a schedule.' }),
    teamId: z.string(),
    teamName: z.string(),
    trigger: z.enum(RUN_TRIGGERS),
    scheduledFor: z.iso.datetime(),
    status: z.enum(RUN_STATUSES),
    phase: z.enum(RUN_PHASES),
    attempt: z.int(),
    prompt: z.string().meta({ description: 'Of a template what it became when the run began; before, the template.' }),
    window: z.object({ start: z.iso.datetime(), end: z.iso.datetime() }).nullable().meta({
      description: 'The span of time that the run is about; null: its prompt is no template, or it has not begun.',
    }),
    timeout: z.string().meta({ format: 'go-duration' }),
    timeoutSeconds: z.number(),
    result: z.string().nullable().meta({ description: "The leader's final text." }),
    resultTruncated: z
      .literal(true)
      .optional()
      .meta({ description: 'In lists, of a result over 4,096 characters: `result` is only its beginning.' }),
    error: failureView
      .nullable()
      .meta({ description: 'Why the run did not end in success; codes are explained in docs/errors.md.' }),
    verification: verificationView,
    push: pushView,
    artifacts: z
      .object({ count: z.int(), bytes: z.int() })
      .nullable()
      .meta({ description: 'What was kept when it ended; null before, and where nothing is to be kept.' }),
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
        removed: z.record(z.string(), z.int()).meta({
          description: 'Counts by kind, as the runtime names them: container, network, volume; process, directory.',
        }),
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
    usage: usedView
      .nullable()
      .meta({ description: 'What its agents have reported so far; null: nothing is known of it.' }),
    warnings: z.array(failureView).meta({
      description: 'What a reader should know of the run whatever its status; codes are explained in docs/api.md.',
    }),
    acknowledgement: z
      .object({ at: z.iso.datetime(), by: z.string(), note: z.string().nullable() })
      .optional()
      .meta({ description: 'Who has seen how it ended; left out until a person has.' }),
    teardownFailure: failureView
      .extend({ attempts: z.int() })
      .nullable()
      .meta({ description: 'The last failed attempt to remove the containers, while none has succeeded.' }),
  })
  .meta({ id: 'ScheduleRun' });

export type RunView = z.input<typeof runView>;

export const messageView = z
  .object({
    seq: z.int(),
    at: z.iso.datetime(),
    agent: z.string().nullable().meta({ description: "The agent's name; null for what Crewtab itself says." }),
    kind: z.enum(MESSAGE_KINDS),
    content: z
      .record(z.string(), z.unknown())
      .meta({ description: "{ text } for text, the protocol's own object otherwise." }),
    messageId: z.string().optional().meta({ description: "The agent's name of the message that this is a piece of." }),
    toolCallId: z.string().optional(),
    session: z.string().optional().meta({ description: "A sub-agent's; left out: the agent's own." }),
    turn: z
      .string()
      .optional()
      .meta({ description: 'In which it was said or done: `prompt:<run>` or `delegate:<call>`.' }),
    pieces: z.int().optional().meta({ description: 'With `view=joined`: how many stored messages it stands for.' }),
    lastSeq: z.int().optional().meta({ description: 'With `view=joined`: of the last of them.' }),
    endedAt: z.iso.datetime().optional().meta({ description: 'With `view=joined`: when the last of them came.' }),
    truncated: z.literal(true).optional().meta({
      description:
        'In lists, of a message over 64 KiB: `content` is only { text } with the beginning of its text, or of the JSON of any other content.',
    }),
  })
  .meta({ id: 'Message' });

export type MessageView = z.input<typeof messageView>;

const hitView = z
  .object({
    seq: z.int(),
    at: z.iso.datetime(),
    agent: z.string().nullable(),
    kind: z.enum(MESSAGE_KINDS),
    snippet: z
      .object({ before: z.string(), match: z.string(), after: z.string() })
      .meta({ description: 'What was found, as it stands there, between what stands beside it.' }),
  })
  .meta({ id: 'MessageHit' });

const outlineView = z
  .object({
    lastSeq: z.int().meta({ description: 'Of the last message: there are so many.' }),
    columns: z
      .array(
        z.object({
          seq: z.int(),
          lastSeq: z.int(),
          from: z.iso.datetime(),
          to: z.iso.datetime(),
          agents: z.record(z.string(), z.int()).meta({ description: 'Messages of each agent.' }),
        }),
      )
      .meta({ description: `At most ${OUTLINE_COLUMNS}, of equally many messages each.` }),
    problems: z.array(z.int()).meta({
      description: `Seqs of what went wrong, the first ${OUTLINE_PROBLEMS}: failed tool calls, refusals, tasks that came to nothing.`,
    }),
  })
  .meta({ id: 'RunOutline' });

export type OutlineAnswer = z.input<typeof outlineView>;

const textSliceView = z
  .object({
    text: z.string(),
    offset: z.int().meta({ description: 'Where the slice begins, in characters (Unicode code points).' }),
    length: z.int().meta({ description: 'Of the whole text, in characters.' }),
    nextOffset: z.int().nullable().meta({ description: 'Of the next slice; null behind the last one.' }),
  })
  .meta({ id: 'TextSlice' });

const neighbourView = z.object({
  id: z.string(),
  status: z.enum(RUN_STATUSES),
  scheduledFor: z.iso.datetime(),
});
export type NeighbourView = z.input<typeof neighbourView>;

const neighboursView = z
  .object({
    previous: neighbourView.nullable(),
    next: neighbourView.nullable(),
    lastSuccess: neighbourView
      .nullable()
      .meta({ description: 'The last success before this run: what to compare it with.' }),
  })
  .meta({ id: 'RunNeighbours' });

/** A TeamDeployment as the API answers it. */
export const deploymentView = z
  .object({
    id: z.string(),
    runId: z.string(),
    teamId: z.string(),
    name: z.string().meta({ examples: ['marketing-team-run-3f9a1c'] }),
    host: z.string(),
    runtime: z.string(),
    createdAt: z.iso.datetime(),
    removedAt: z.iso.datetime().nullable().meta({ description: 'When the engine was last seen clean of it.' }),
    agents: z.array(
      z.object({
        name: z.string(),
        role: z.string(),
        protocol: z.string(),
        image: z.string().nullable(),
        container: z.string(),
        handle: z.string().nullable().meta({ description: "The runtime's own id of the container." }),
        startedAt: z.iso.datetime().nullable(),
        readyAt: z.iso.datetime().nullable().meta({ description: 'When it had answered the handshake.' }),
        usage: usedView
          .nullable()
          .meta({ description: 'What it has reported so far; null: nothing, or it was given no turn.' }),
      }),
    ),
  })
  .meta({ id: 'TeamDeployment' });

export type DeploymentAnswer = z.input<typeof deploymentView>;

const runCountsView = z
  .object({
    byStatus: z
      .partialRecord(z.enum(RUN_STATUSES), z.int())
      .meta({ description: 'Of the runs that the filter asks for; a status without any is left out.' }),
    limit: z
      .literal(RUN_COUNT_LIMIT)
      .meta({ description: 'A count that is equal to it stands for that many or more.' }),
    codes: z.array(z.string()).meta({ description: 'Every code that any run ended with.' }),
  })
  .meta({ id: 'RunCounts' });

const PATH = `${API_PATH}/runs` as const;
const ONE = `${PATH}/:id` as const;
const shared = { tag: 'Runs', role: 'member' } as const;
const params = { id: idOf('run') };
const messageParams = {
  ...params,
  seq: {
    schema: z
      .string()
      .regex(/^[1-9]\d{0,9}$/)
      .transform(Number)
      .refine((number) => number <= MAX_SEQ),
    resource: 'message',
    isOwned: true,
  },
} as const;

export const listRuns = defineRoute({
  ...shared,
  method: 'get',
  path: PATH,
  operationId: 'listRuns',
  summary: 'All runs, newest first, or sorted otherwise',
  description: RUN_LIST_NOTE,
  query: allRunsQuery,
  answer: { status: 200, description: 'A page of runs.', view: pageOf(runView) },
});

export const countRuns = defineRoute({
  ...shared,
  method: 'get',
  path: `${PATH}/counts`,
  operationId: 'countRuns',
  summary: 'How many runs there are of each status, and which codes runs ended with',
  query: countsQuery,
  answer: { status: 200, description: 'The counts, whatever the size of the history.', view: runCountsView },
});

export const getRun = defineRoute({
  ...shared,
  method: 'get',
  path: ONE,
  params,
  operationId: 'getRun',
  summary: 'Get a run',
  answer: { status: 200, description: 'The run.', view: runView },
});

export const cancelRun = defineRoute({
  ...shared,
  method: 'post',
  path: `${ONE}/cancel`,
  params,
  operationId: 'cancelRun',
  summary: 'Cancel a run',
  description:
    'A queued run is cancelled at once; one that has begun ends in `cancelled` a moment later and its containers are removed.',
  body: { schema: emptyBody, isOptional: true },
  answer: { status: 202, description: 'The run as it is now.', view: runView },
  errors: ['conflict'],
});

export const rerunRun = defineRoute({
  ...shared,
  method: 'post',
  path: `${ONE}/rerun`,
  params,
  operationId: 'rerunRun',
  summary: 'Start a new run with the prompt and the team of an earlier one',
  body: { schema: emptyBody, isOptional: true },
  answer: { status: 202, description: 'The new run.', view: runView },
});

export const listMessages = defineRoute({
  ...shared,
  method: 'get',
  path: `${ONE}/messages`,
  params,
  operationId: 'listMessages',
  summary: 'The conversation, oldest first',
  description: [
    'A page ends at 4 MiB, whatever `limit` says; `nextCursor` goes on. Of a message over 64 KiB it has the beginning (`truncated`):',
    'get the whole by its seq, or its text in slices. With `view=joined` a message stands at the seq of its first piece, whatever came in',
    'between; a page may have less than `limit`, and `nextCursor` alone says whether there is more.',
  ].join('\n'),
  query: messageListQuery,
  answer: { status: 200, description: 'A page of messages.', view: pageOf(messageView) },
});

export const searchMessages = defineRoute({
  ...shared,
  method: 'get',
  path: `${ONE}/search`,
  params,
  operationId: 'searchMessages',
  summary: 'Where in the conversation a text stands',
  description: [
    'A page ends after two seconds, whatever `limit` says, and may be empty although `nextCursor` goes on. What an agent sent in',
    'two pieces is found in none of them.',
  ].join('\n'),
  query: searchQuery,
  answer: { status: 200, description: 'A page of messages, oldest first.', view: pageOf(hitView) },
});

export const getOutline = defineRoute({
  ...shared,
  method: 'get',
  path: `${ONE}/outline`,
  params,
  operationId: 'getOutline',
  summary: 'A conversation from afar: who spoke when, and where something went wrong',
  query: z.strictObject({ after: seq.prefault('0') }),
  answer: { status: 200, description: 'The outline.', view: outlineView },
});

export const getMessage = defineRoute({
  ...shared,
  method: 'get',
  path: `${ONE}/messages/:seq`,
  params: messageParams,
  operationId: 'getMessage',
  summary: 'One message whole, where the list has only its beginning',
  answer: { status: 200, description: 'The message.', view: messageView },
});

export const readMessageText = defineRoute({
  ...shared,
  method: 'get',
  path: `${ONE}/messages/:seq/text`,
  params: messageParams,
  operationId: 'readMessageText',
  summary: 'The text of a message in slices, or the JSON of a message that is no text',
  query: z.strictObject({
    offset: countField(0, MAX_SEQ - 1)
      .prefault('0')
      .meta({ description: '`nextOffset` of the slice before.' }),
  }),
  answer: { status: 200, description: 'At most 1,048,576 characters.', view: textSliceView },
});

export const getNeighbours = defineRoute({
  ...shared,
  method: 'get',
  path: `${ONE}/neighbours`,
  params,
  operationId: 'getNeighbours',
  summary: 'The runs of the same schedule before and after this one',
  answer: { status: 200, description: 'Each is null where there is none.', view: neighboursView },
});

export const EXPORT_FORMATS = ['json', 'markdown'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export const exportRun = defineRoute({
  ...shared,
  method: 'get',
  path: `${ONE}/export`,
  params,
  operationId: 'exportRun',
  summary: 'A run with its whole conversation, as a file',
  description: [
    'Streamed, whatever its size: `{ run, messages }` as JSON, or for reading (`format=markdown`, text/markdown).',
    'Of a run that goes on it has what is stored by then.',
  ].join('\n'),
  query: z.strictObject({ format: z.enum(EXPORT_FORMATS).prefault('json') }),
  answer: { status: 200, description: 'The file.', contentType: ['application/json', 'text/markdown'] },
});

export const streamRun = defineRoute({
  ...shared,
  method: 'get',
  path: `${ONE}/events`,
  params,
  operationId: 'streamRun',
  summary: 'The conversation live, as server-sent events',
  description: [
    'Events: `message` (data: a Message; id: its seq) and `run` (data: the ScheduleRun, at the start and whenever it moved).',
    'Starts behind `Last-Event-ID`, or `after`, with what is stored already, goes on live, and ends once the run is finished and all was sent.',
    'A comment line comes every 15 s without news. A client that comes back after the end gets 204, which stops a browser from reconnecting.',
  ].join('\n'),
  query: eventsQuery,
  headers: lastEventId,
  answer: { status: 200, description: 'The stream.', events: { message: messageView, run: runView } },
});

export const getDeployment = defineRoute({
  method: 'get',
  path: `${API_PATH}/deployments/:id`,
  params: { id: idOf('deployment') },
  operationId: 'getDeployment',
  tag: 'Deployments',
  role: 'member',
  summary: "The containers that were made for a run (the run's `teamDeploymentId`)",
  answer: { status: 200, description: 'The deployment with its agents.', view: deploymentView },
});

export const runRoutes = [
  listRuns,
  countRuns,
  getRun,
  cancelRun,
  rerunRun,
  listMessages,
  searchMessages,
  getOutline,
  getMessage,
  readMessageText,
  getNeighbours,
  exportRun,
  streamRun,
  getDeployment,
] as const;
