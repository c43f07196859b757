import { z } from 'zod';
import { OVERVIEW_LIMITS } from '@crewtab/domain/ports/overview-store';
import { RUN_PHASES } from '@crewtab/domain/runs/run';
import { idOf, instantField, line, text } from './fields';
import { LIMITS } from './limits';
import { API_PATH, defineRoute } from './route';
import { RUN_STATUSES, RUN_TRIGGERS, usedView } from './run-routes';
import { usageSumFields } from './usage-routes';

const instant = z.iso.datetime();

const overviewRun = z
  .object({
    id: z.string(),
    scheduleId: z.string().nullable(),
    name: z.string().meta({ description: "Of its schedule; of a try its team's." }),
    trigger: z.enum(RUN_TRIGGERS),
    status: z.enum(RUN_STATUSES),
    phase: z.enum(RUN_PHASES),
    scheduledFor: instant,
    startedAt: instant.nullable(),
    deadlineAt: instant.nullable(),
    finishedAt: instant.nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    excerpt: z
      .string()
      .nullable()
      .meta({ description: `The first ${OVERVIEW_LIMITS.excerpt} characters of the result.` }),
    usage: usedView
      .nullable()
      .meta({ description: 'What its agents have reported so far; null: nothing is known of it.' }),
    lastWords: z
      .object({ agent: z.string().nullable(), text: z.string(), at: instant })
      .nullable()
      .meta({ description: 'Of a running run: what an agent said last.' }),
  })
  .meta({ id: 'OverviewRun' });

const scheduleFields = { scheduleId: z.string(), scheduleName: z.string() };

const overviewView = z
  .object({
    at: instant,
    needsPerson: z.array(overviewRun).meta({
      description:
        'The newest run of each schedule that failed, timed out or was missed, until a later run of the schedule succeeds, or a person acknowledges it.',
    }),
    faults: z
      .array(z.object({ ...scheduleFields, message: z.string(), since: instant }))
      .meta({ description: 'Enabled schedules that cannot fire.' }),
    active: z.array(overviewRun).meta({ description: 'Running, then queued; the newest first.' }),
    due: z
      .array(z.object({ ...scheduleFields, timezone: z.string(), at: instant }))
      .meta({ description: 'The next instant of each schedule within 24 hours.' }),
    digest: z.object({
      since: instant,
      counts: z
        .partialRecord(z.enum(RUN_STATUSES), z.int())
        .meta({ description: 'Runs that ended since then, by status.' }),
      isComplete: z.boolean().meta({ description: 'False: the counts, and what they used, are "at least".' }),
      usage: z.object(usageSumFields).meta({ description: 'What the agents of all of them have reported.' }),
      runs: z.array(overviewRun).meta({ description: 'The newest of them that really ran.' }),
    }),
    health: z
      .object({
        liveWorkers: z.int(),
        capacity: z.int(),
        heldRuns: z.int(),
        unresponsiveHosts: z.int(),
        liveSchedulers: z.int(),
      })
      .meta({ description: 'Of the whole installation.' }),
    cursor: z.string().meta({ description: 'Where GET /events goes on from this answer, as `Last-Event-ID`.' }),
  })
  .meta({ id: 'Overview', description: `Lists have at most ${OVERVIEW_LIMITS.listed} entries.` });

export type OverviewAnswer = z.input<typeof overviewView>;

const acknowledgementView = z
  .object({ runId: z.string(), at: instant, by: z.string(), note: z.string().nullable() })
  .meta({ id: 'Acknowledgement' });

const foundView = z.object({ id: z.string(), name: z.string() });

const searchView = z
  .object({
    schedules: z.array(foundView),
    teams: z.array(foundView),
    runs: z
      .array(
        z.object({
          id: z.string(),
          scheduleId: z.string().nullable(),
          status: z.enum(RUN_STATUSES),
          scheduledFor: instant,
        }),
      )
      .meta({ description: 'The run of that id.' }),
  })
  .meta({ id: 'SearchResult' });

const shared = { tag: 'Runs', role: 'member' } as const;

export const getOverview = defineRoute({
  ...shared,
  method: 'get',
  path: `${API_PATH}/overview`,
  operationId: 'getOverview',
  summary: 'What needs a person, what runs, what is due, and what happened since',
  query: z.strictObject({
    since: instantField()
      .optional()
      .meta({ description: 'The digest is of what ended from then on; default: a day ago.' }),
  }),
  answer: { status: 200, description: 'All of it at one moment.', view: overviewView },
});

export const acknowledgeRun = defineRoute({
  ...shared,
  method: 'put',
  path: `${API_PATH}/runs/:id/acknowledgement`,
  params: { id: idOf('run') },
  operationId: 'acknowledgeRun',
  summary: 'Note that a person has seen how a run ended',
  description:
    'It needs no person from then on, nor do earlier runs of its schedule. A later note replaces an earlier one.',
  body: {
    schema: z.strictObject({ note: text(1, LIMITS.noteLength).optional() }),
    isOptional: true,
    example: { note: 'the registry was down' },
  },
  answer: { status: 200, description: 'Who has seen it, and when.', view: acknowledgementView },
  errors: ['conflict'],
});

export const searchEverything = defineRoute({
  method: 'get',
  path: `${API_PATH}/search`,
  operationId: 'search',
  tag: 'System',
  role: 'member',
  summary: 'Schedules and teams by a part of their name, a run by its id',
  query: z.strictObject({ q: line(1, 100).meta({ description: 'Upper and lower case make no difference.' }) }),
  answer: { status: 200, description: 'At most ten of each.', view: searchView },
});

export const overviewRoutes = [getOverview, acknowledgeRun, searchEverything] as const;
