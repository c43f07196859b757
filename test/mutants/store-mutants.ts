import type { Mutant } from './mutant';

const RUN_STORE = { layer: 'integration', specs: 'test/integration/store/run-store.spec.ts' } as const;
const RETENTION = { layer: 'integration', specs: 'test/integration/store/retention.spec.ts' } as const;
const FIRE_STORE = { layer: 'integration', specs: 'test/integration/store/fire-store.spec.ts' } as const;

/** Faults in the statements that decide. Only a real Postgres can notice them: the fakes do not share the SQL. */
export const STORE_MUTANTS: readonly Mutant[] = [
  {
    name: 'unresponsive-writer-keeps-the-lock',
    breaks:
      'A scheduler that stands still keeps all others from putting job schedulers for as long as it is connected.',
    edits: [
      {
        within: 'libs/store-prisma',
        search: "set_config('idle_in_transaction_session_timeout', $1, true)",
        replace: "set_config('application_name', $1, true)",
      },
    ],
    caughtBy: { layer: 'integration', specs: 'test/integration/store/single-writer.spec.ts' },
  },
  {
    name: 'crashed-request-makes-another',
    breaks: 'A request that is repeated after a crash gets another id for what it makes, and makes it twice.',
    edits: [
      {
        within: 'libs/store-prisma',
        search: 'THEN EXCLUDED.resource_id ELSE k.resource_id END',
        replace: 'THEN EXCLUDED.resource_id ELSE EXCLUDED.resource_id END',
      },
    ],
    caughtBy: { layer: 'integration', specs: 'test/integration/store/access-and-idempotency.spec.ts' },
  },
  {
    name: 'claim-keeps-the-epoch',
    breaks: 'A worker that takes a run over gets the same epoch as the one before it, so neither is fenced off (I7).',
    edits: [
      {
        within: 'libs/store-prisma',
        search: 'SET ${TAKEN}, owner = $2',
        replace: 'SET epoch = GREATEST(r.epoch, 1), owner = $2',
      },
    ],
    caughtBy: RUN_STORE,
  },
  {
    name: 'claim-takes-what-is-held',
    breaks: 'A run whose lease holds can be claimed by another worker (I7).',
    edits: [
      { within: 'libs/store-prisma', search: 'AND ${IS_FREE} AND (r.host IS NULL', replace: 'AND (r.host IS NULL' },
    ],
    caughtBy: RUN_STORE,
  },
  {
    name: 'renewal-ignores-the-epoch',
    breaks: 'A worker renews the lease of a run that another worker (or its own later claim) has taken over (I7).',
    edits: [
      {
        within: 'libs/store-prisma',
        search: "AND r.epoch = held.epoch AND r.owner = $1 AND r.phase <> 'finished'",
        replace: "AND r.phase <> 'finished'",
      },
    ],
    caughtBy: RUN_STORE,
  },
  {
    name: 'queued-run-begins-beside-another',
    breaks: 'With overlap `queue`, a run is given to a worker while an earlier one of its schedule is active (I10).',
    edits: [
      {
        within: 'libs/store-prisma',
        search: "NOT (${MUST_WAIT} OR ${isExpectedElsewhere('$3')})",
        replace: "NOT ${isExpectedElsewhere('$3')}",
      },
    ],
    caughtBy: RUN_STORE,
  },
  {
    name: 'message-of-a-stale-epoch',
    breaks: 'A worker that lost its claim still adds to the conversation (I7, I14).',
    edits: [
      {
        within: 'libs/store-prisma',
        search: 'WHERE r.id = $1 AND r.epoch = $2 RETURNING r.organization_id, r.id, r.last_seq',
        replace: 'WHERE r.id = $1 AND r.epoch <> -$2::int RETURNING r.organization_id, r.id, r.last_seq',
      },
    ],
    caughtBy: RUN_STORE,
  },
  {
    name: 'output-of-a-stale-epoch',
    breaks: 'A worker that lost its claim still moves the cursor of an agent, with the messages (I7, I14).',
    edits: [
      {
        within: 'libs/store-prisma',
        search: 'SELECT r.id FROM schedule_runs r WHERE r.id = $1 AND r.epoch = $2 FOR NO KEY UPDATE',
        replace: 'SELECT r.id FROM schedule_runs r WHERE r.id = $1 AND r.epoch <> -$2::int FOR NO KEY UPDATE',
      },
    ],
    caughtBy: RUN_STORE,
  },
  {
    name: 'repeated-append-is-stored-twice',
    breaks: 'Messages whose first answer was lost are stored again: the cursor is not compared (I14).',
    edits: [
      {
        within: 'libs/store-prisma',
        search: 'AND a.stdout_lines = $5 AND a.stderr_lines = $6 RETURNING a.run_id',
        replace: 'AND $5::int >= 0 AND $6::int >= 0 RETURNING a.run_id',
      },
    ],
    caughtBy: RUN_STORE,
  },
  {
    name: 'outcome-of-a-stale-epoch',
    breaks: 'A worker that lost its claim still decides how the run ends (I4, I7).',
    edits: [
      {
        within: 'libs/store-prisma',
        search: "AND r.epoch = $2 AND r.phase IN ('deploying', 'prompting', 'monitoring', 'verifying')",
        replace: "AND r.epoch <> -$2::int AND r.phase IN ('deploying', 'prompting', 'monitoring', 'verifying')",
      },
    ],
    caughtBy: RUN_STORE,
  },
  {
    name: 'permit-for-everybody',
    breaks: 'Every worker that asks for the permit to prompt is told that it is theirs (I5).',
    edits: [
      { within: 'libs/store-prisma', search: 'return row.permit_epoch === claim.epoch;', replace: 'return true;' },
    ],
    caughtBy: RUN_STORE,
  },
  {
    name: 'success-before-teardown',
    breaks: 'A success becomes the status with the outcome, before anything is removed (I4, I8).',
    edits: [
      {
        within: 'libs/store-prisma',
        search: "status = CASE WHEN $3::run_status = 'success' THEN r.status ELSE $3::run_status END,",
        replace: 'status = $3::run_status,',
      },
      {
        within: 'libs/store-prisma',
        search: "finished_at = CASE WHEN $3::run_status = 'success' THEN NULL ELSE now() END",
        replace: 'finished_at = now()',
      },
    ],
    caughtBy: RUN_STORE,
  },
  {
    name: 'deadline-from-adoption',
    breaks: 'The worker that adopts a run gives it a new deadline, so that it may never end (I4).',
    edits: [
      {
        within: 'libs/store-prisma',
        inside: 'CLAIM_ABANDONED',
        search: "SET ${TAKEN}, owner = $1, lease_until = now() + $4 * interval '1 millisecond'",
        replace:
          "SET ${TAKEN}, owner = $1, deadline_at = now() + r.timeout_ms * interval '1 millisecond', lease_until = now() + $4 * interval '1 millisecond'",
      },
    ],
    caughtBy: RUN_STORE,
  },
  {
    name: 'second-terminal-status',
    breaks: 'The database lets a terminal status be replaced by another one (I4).',
    edits: [
      {
        within: 'prisma/migrations/20261124113000_hosts/migration.sql',
        search: 'ELSIF OLD."finished_at" IS NOT NULL AND (NEW."status" <> OLD."status"',
        replace: 'ELSIF OLD."finished_at" IS NOT NULL AND OLD."finished_at" IS NULL AND (NEW."status" <> OLD."status"',
      },
    ],
    caughtBy: { layer: 'integration', specs: 'test/integration/store/database-law.spec.ts' },
  },
  {
    name: 'instant-moved-on-without-a-row',
    breaks: 'The hot path moves a schedule to its next instant without recording the one that was due (I2).',
    edits: [
      {
        within: 'libs/store-prisma',
        search: 'FROM due JOIN plans ON plans.id = due.team_id ON CONFLICT',
        replace: 'FROM due JOIN plans ON plans.id = due.team_id AND false ON CONFLICT',
      },
    ],
    caughtBy: FIRE_STORE,
  },
  {
    name: 'missed-instants-are-not-recorded',
    breaks: 'Instants that were not fired in time leave no row (I2).',
    edits: [
      {
        within: 'libs/store-prisma',
        search: 'WHERE s.id = $1\n    ORDER BY planned.scheduled_for',
        replace: "WHERE s.id = $1 AND planned.status <> 'missed'\n    ORDER BY planned.scheduled_for",
      },
    ],
    caughtBy: FIRE_STORE,
  },
  {
    name: 'conflict-on-the-hot-path-is-an-error',
    breaks: 'An instant that has its row already makes the whole batch fail, again and again (I1, I2).',
    edits: [
      {
        within: 'libs/store-prisma',
        inside: 'FIRE_PUNCTUAL',
        search:
          "ON CONFLICT (schedule_id, scheduled_for) WHERE trigger IN ('schedule', 'catchup') DO NOTHING\n      RETURNING",
        replace: 'RETURNING',
      },
    ],
    caughtBy: FIRE_STORE,
  },
  {
    name: 'two-rows-for-an-instant',
    breaks: 'The database lets two runs have the same schedule and instant (I1).',
    edits: [
      {
        within: 'prisma/migrations/20261124000000_init/migration.sql',
        search:
          'CREATE UNIQUE INDEX "schedule_runs_one_per_instant" ON "schedule_runs" ("schedule_id", "scheduled_for")',
        replace:
          'CREATE UNIQUE INDEX "schedule_runs_one_per_instant" ON "schedule_runs" ("schedule_id", "scheduled_for", "id")',
      },
      {
        within: 'libs/store-prisma',
        inside: 'FIRE_PUNCTUAL',
        search:
          "ON CONFLICT (schedule_id, scheduled_for) WHERE trigger IN ('schedule', 'catchup') DO NOTHING\n      RETURNING",
        replace: 'ON CONFLICT DO NOTHING RETURNING',
      },
      {
        within: 'libs/store-prisma',
        inside: 'INSERT_PLANNED',
        search:
          "ON CONFLICT (schedule_id, scheduled_for) WHERE trigger IN ('schedule', 'catchup') DO NOTHING\n    RETURNING",
        replace: 'ON CONFLICT DO NOTHING RETURNING',
      },
    ],
    caughtBy: FIRE_STORE,
  },
  {
    name: 'idempotency-key-is-not-stored',
    breaks:
      'A manual run does not keep the key of its request, so that a repetition after a crash makes a second one (I3).',
    edits: [
      {
        within: 'libs/store-prisma',
        search: "'manual', now(), $4,",
        replace: "'manual', now(), NULLIF($4::text, $4::text),",
      },
    ],
    caughtBy: { layer: 'integration', specs: 'test/integration/store/run-archive.spec.ts' },
  },
  {
    name: 'status-of-a-schedule-from-any-run',
    breaks: 'A schedule is in error because of any failed run, not the latest one (I11).',
    edits: [
      {
        within: 'libs/store-prisma',
        search: 'ORDER BY r.finished_at DESC LIMIT 1) IN',
        replace: 'ORDER BY r.finished_at LIMIT 1) IN',
      },
    ],
    caughtBy: { layer: 'integration', specs: 'test/integration/store/teams-and-schedules.spec.ts' },
  },
  {
    name: 'pause-leaves-the-instant-armed',
    breaks: 'A deleted schedule stays enabled and fires once more (I12).',
    edits: [
      {
        within: 'libs/store-prisma',
        search: 'deleted_at = now(), enabled = false, team_id = NULL, next_fire_at = NULL, following_fire_at = NULL,',
        replace: 'deleted_at = now(), team_id = NULL,',
      },
    ],
    caughtBy: { layer: 'integration', specs: 'test/integration/store/teams-and-schedules.spec.ts' },
  },
  {
    name: 'a-new-connection-has-no-listener',
    breaks: 'A process ends when Postgres closes a connection in the moment in which it is made.',
    edits: [
      {
        within: 'libs/store-prisma',
        search: "  pool.on('connect', (client) => client.on('error', () => undefined));\n",
        replace: '',
      },
    ],
    caughtBy: { layer: 'integration', specs: 'test/integration/store/ended-connection.spec.ts' },
  },
  {
    name: 'loss-is-decided-on-what-was',
    breaks:
      'A success that a worker commits while a scheduler decides that the run is lost becomes a failure without its result (I6, I13).',
    edits: [{ within: 'libs/store-prisma', search: 'AND r.phase = lost.phase AND', replace: 'AND' }],
    caughtBy: { layer: 'integration', specs: 'test/integration/store/host-store.spec.ts', tests: 'commits a success' },
  },
  {
    name: 'conversation-deleted-by-hand',
    breaks: 'A plain DELETE removes messages of a run that is still under way (I14).',
    edits: [
      {
        within: 'prisma/migrations/20261130210000_retention/migration.sql',
        search:
          'CREATE TRIGGER "a_history_guard" BEFORE DELETE ON "messages" FOR EACH ROW EXECUTE FUNCTION "history_guard"();',
        replace: '',
      },
    ],
    caughtBy: RETENTION,
  },
  {
    name: 'deleted-row-lets-its-instant-fire',
    breaks:
      'The row of an instant that its schedule can come to again is deleted, so that the instant fires twice (I1).',
    edits: [
      {
        within: 'prisma/migrations/20261130210000_retention/migration.sql',
        search: 's."next_fire_at" <= run."scheduled_for"',
        replace: 's."next_fire_at" < s."created_at" - interval \'100 years\'',
      },
    ],
    caughtBy: RETENTION,
  },
  {
    name: 'newest-outcome-is-deleted',
    breaks: 'The run that a schedule has its status from is deleted for its age (I11).',
    edits: [
      {
        within: 'prisma/migrations/20261130210000_retention/migration.sql',
        search:
          "n.\"status\" IN ('success', 'failed', 'timeout', 'cancelled') AND n.\"finished_at\" > run.\"finished_at\"",
        replace:
          "n.\"status\" IN ('success', 'failed', 'timeout', 'cancelled') AND n.\"finished_at\" <= run.\"finished_at\"",
      },
    ],
    caughtBy: RETENTION,
  },
];
