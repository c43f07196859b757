import { z } from 'zod';
import { RUN_PHASES } from '@crewtab/domain/runs/run';
import { errorCode } from './problem';
import { API_PATH, defineRoute, type PathParam } from './route';
import { RUN_STATUSES } from './run-routes';

const instant = z.iso.datetime();

const leaseView = z.object({
  runId: z.string(),
  epoch: z.int(),
  phase: z.enum(RUN_PHASES),
  leaseUntil: instant,
});

const processFields = {
  id: z.string(),
  hostname: z.string(),
  pid: z.int(),
  version: z.string(),
  isLive: z.boolean().meta({ description: 'Whether it sent a heartbeat within the last 15 s.' }),
  startedAt: instant,
  lastSeenAt: instant,
};

/** GET /system: the whole installation at one moment, by the database's clock. */
const systemView = z
  .object({
    at: instant,
    hosts: z.array(
      z.object({
        id: z.string(),
        runtime: z.string(),
        description: z.string(),
        state: z.enum(['live', 'silent', 'decommissioned']),
        firstSeenAt: instant,
        lastSeenAt: instant,
        reapedAt: instant.nullable().meta({ description: 'When a worker last reaped the host before it took work.' }),
        decommissionedAt: instant.nullable(),
        decommissionedBy: z.string().nullable(),
        begunRuns: z.int().meta({ description: 'Runs whose containers stand there.' }),
        openObligations: z.int().meta({ description: 'Of those, the ones that are over and not verified gone.' }),
      }),
    ),
    workers: z.array(
      z.object({
        ...processFields,
        host: z.string(),
        capacity: z.int(),
        heldRuns: z.int(),
        adoptedRuns: z.int().meta({ description: 'Taken over from other workers since its start.' }),
        refusal: z.string().nullable().meta({ description: 'Why it takes no work at the moment.' }),
        reaper: z.object({
          lastPassAt: instant.nullable(),
          reapedRuns: z.int(),
          resistingThings: z.int().meta({ description: 'What its last iteration could not remove.' }),
          error: z.string().nullable(),
        }),
        leases: z.array(leaseView),
      }),
    ),
    schedulers: z.array(
      z.object({
        ...processFields,
        sweeper: z.object({ lastPassAt: instant.nullable(), error: z.string().nullable() }),
      }),
    ),
    openObligations: z.int().meta({ description: 'All of them; the list has the 1,000 oldest.' }),
    obligations: z.array(
      z.object({
        runId: z.string(),
        host: z.string(),
        status: z.enum(RUN_STATUSES),
        since: instant,
        failedAttempts: z.int(),
        error: z.object({ code: errorCode, message: z.string() }).nullable(),
      }),
    ),
    queues: z
      .array(z.object({ name: z.string(), jobs: z.record(z.string(), z.int()) }))
      .nullable()
      .meta({ description: 'Jobs of the queues in Redis, by state; null: Redis did not answer within a second.' }),
    settings: z
      .array(
        z.object({
          name: z.string(),
          value: z.string().nullable().meta({ description: 'Null for secrets, and where there is none.' }),
          isDefault: z.boolean(),
          isSecret: z.boolean(),
        }),
      )
      .meta({ description: 'Settings in force in the scheduler that answers.' }),
    unheldRuns: z.int().meta({ description: 'Runs that have begun and that no living worker holds.' }),
  })
  .meta({ id: 'System' });

export type SystemAnswer = z.input<typeof systemView>;

const decommissionBody = z.strictObject({
  note: z.string().trim().min(1).max(200).optional().meta({ description: 'Why; kept beside who asked.' }),
});

const decommissionView = z
  .object({
    id: z.string(),
    decommissionedAt: instant,
    decommissionedBy: z.string(),
    givenUpRunIds: z
      .array(z.string())
      .meta({ description: 'Runs whose containers on that host are not removed any more.' }),
  })
  .meta({ id: 'Decommission' });

/** A host is shared by all organizations. */
const hostId: PathParam<string> = {
  schema: z.string().regex(/^[A-Za-z0-9_-]{1,200}$/),
  resource: 'host',
  isOwned: false,
};

const shared = { tag: 'System', role: 'admin' } as const;

export const getSystem = defineRoute({
  ...shared,
  method: 'get',
  path: `${API_PATH}/system`,
  operationId: 'getSystem',
  summary: 'Hosts, workers with their leases, schedulers, queues, settings, and what is owed',
  description:
    'For admin keys. Spans all organizations; of runs it tells ids alone. docs/operations.md says what to do when.',
  answer: { status: 200, description: 'The installation at this moment.', view: systemView },
});

export const decommissionHost = defineRoute({
  ...shared,
  method: 'post',
  path: `${API_PATH}/system/hosts/:id/decommission`,
  params: { id: hostId },
  operationId: 'decommissionHost',
  summary: 'Give up a host that does not come back',
  description:
    'For admin keys. Its runs end as `host_lost`, and what is owed there is finished without proof (`teardown.givenUp`). ' +
    'Refused while one of its workers is there. Should it come back after all, it reaps before it takes work.',
  body: { schema: decommissionBody, isOptional: true, example: { note: 'disk died, machine scrapped' } },
  answer: { status: 200, description: 'What was given up.', view: decommissionView },
  errors: ['conflict'],
});

export const systemRoutes = [getSystem, decommissionHost] as const;
