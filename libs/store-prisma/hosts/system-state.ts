import {
  MAX_LISTED,
  type HostState,
  type HostStore,
  type HostView,
  type LeaseView,
  type PendingTeardownView,
  type SchedulerView,
  type WorkerView,
} from '@crewtab/domain/ports/host-store';
import type { Session, Statement } from '../database/database';
import { IS_FREE } from '../runs/run-claims';
import type { RunContext, RunRow } from '../runs/run-row';
import { ABSENT, IS_BEGUN } from './host-heartbeats';

const HOSTS: Statement = {
  name: 'system_hosts',
  text: `SELECT h.*, CASE WHEN h.decommissioned_at IS NOT NULL THEN 'decommissioned'
        WHEN h.last_seen_at > now() - ${ABSENT} THEN 'live' ELSE 'unresponsive' END AS state,
      count(r.id)::int AS begun_runs, count(r.id) FILTER (WHERE r.phase = 'tearing_down')::int AS pending_teardowns
    FROM hosts h LEFT JOIN schedule_runs r ON r.host = h.id AND ${IS_BEGUN}
    GROUP BY h.id ORDER BY h.first_seen_at, h.id`,
};

const WORKERS: Statement = {
  name: 'system_workers',
  text: `SELECT w.*, w.last_seen_at > now() - ${ABSENT} AS is_live FROM workers w ORDER BY w.host_id, w.started_at, w.id`,
};

const SCHEDULERS: Statement = {
  name: 'system_schedulers',
  text: `SELECT s.*, s.last_seen_at > now() - ${ABSENT} AS is_live FROM schedulers s ORDER BY s.started_at, s.id`,
};

const LEASES: Statement = {
  name: 'system_leases',
  text: `SELECT r.owner, r.id, r.epoch, r.phase, r.lease_until FROM schedule_runs r
    WHERE ${IS_BEGUN} AND r.lease_until >= now()
    ORDER BY r.deadline_at, r.id LIMIT ${MAX_LISTED}`,
};

const PENDING_TEARDOWNS: Statement = {
  name: 'system_pending_teardowns',
  text: `SELECT r.id, r.host, r.status, r.teardown_begun_at, r.teardown_failed_attempts, r.teardown_error_code, r.teardown_error_message
    FROM schedule_runs r WHERE ${IS_BEGUN} AND r.phase = 'tearing_down' ORDER BY r.teardown_begun_at, r.id LIMIT ${MAX_LISTED}`,
};

const COUNTS: Statement = {
  name: 'system_counts',
  text: `SELECT count(*) FILTER (WHERE r.phase = 'tearing_down')::int AS pending_teardowns, count(*) FILTER (WHERE ${IS_FREE})::int AS unheld_runs,
      now() AS at
    FROM schedule_runs r WHERE ${IS_BEGUN}`,
};

/** What an operator sees of the installation. */
export function systemState({ db }: RunContext): Pick<HostStore, 'readSystem'> {
  return {
    /** Reads all parts in one snapshot, so that they fit each other. */
    readSystem: () =>
      db.transaction(async (session) => {
        await session.query({ text: 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY' });
        const [counts] = await session.query<{ pending_teardowns: number; unheld_runs: number; at: Date }>(COUNTS);
        const leases = await readLeases(session);
        return {
          at: counts?.at ?? new Date(),
          hosts: (await session.query<HostRow>(HOSTS)).map(toHost),
          workers: (await session.query<WorkerRow>(WORKERS)).map((row) => toWorker(row, leases.get(row.id) ?? [])),
          schedulers: (await session.query<SchedulerRow>(SCHEDULERS)).map(toScheduler),
          pendingTeardowns: (await session.query<PendingTeardownRow>(PENDING_TEARDOWNS)).map(toPendingTeardown),
          pendingTeardownCount: counts?.pending_teardowns ?? 0,
          unheldRuns: counts?.unheld_runs ?? 0,
        };
      }),
  };
}

async function readLeases(session: Session): Promise<Map<string, LeaseView[]>> {
  const byWorker = new Map<string, LeaseView[]>();
  for (const { owner, id, epoch, phase, lease_until: leaseUntil } of await session.query<LeaseRow>(LEASES)) {
    const mine = byWorker.get(owner) ?? [];
    mine.push({ runId: id, epoch, phase, leaseUntil });
    byWorker.set(owner, mine);
  }
  return byWorker;
}

type LeaseRow = Pick<RunRow, 'id' | 'epoch' | 'phase'> & { readonly owner: string; readonly lease_until: Date };

interface HostRow {
  readonly id: string;
  readonly runtime: string;
  readonly description: string;
  readonly state: HostState;
  readonly first_seen_at: Date;
  readonly last_seen_at: Date;
  readonly reaped_at: Date | null;
  readonly decommissioned_at: Date | null;
  readonly decommissioned_by: string | null;
  readonly begun_runs: number;
  readonly pending_teardowns: number;
}

function toHost(row: HostRow): HostView {
  return {
    id: row.id,
    runtime: row.runtime,
    description: row.description,
    state: row.state,
    firstSeenAt: row.first_seen_at,
    lastSeenAt: row.last_seen_at,
    reapedAt: row.reaped_at,
    decommissionedAt: row.decommissioned_at,
    decommissionedBy: row.decommissioned_by,
    begunRuns: row.begun_runs,
    pendingTeardownCount: row.pending_teardowns,
  };
}

interface WorkerRow {
  readonly id: string;
  readonly host_id: string;
  readonly hostname: string;
  readonly pid: number;
  readonly version: string;
  readonly started_at: Date;
  readonly last_seen_at: Date;
  readonly is_live: boolean;
  readonly capacity: number;
  readonly held_runs: number;
  readonly adopted_runs: number;
  readonly refusal: string | null;
  readonly reaper_last_pass_at: Date | null;
  readonly reaped_runs: number;
  readonly resisting_things: number;
  readonly reaper_error: string | null;
}

function toWorker(row: WorkerRow, leases: readonly LeaseView[]): WorkerView {
  return {
    id: row.id,
    host: row.host_id,
    hostname: row.hostname,
    pid: row.pid,
    version: row.version,
    isLive: row.is_live,
    startedAt: row.started_at,
    lastSeenAt: row.last_seen_at,
    capacity: row.capacity,
    heldRuns: row.held_runs,
    adoptedRuns: row.adopted_runs,
    refusal: row.refusal,
    reaper: {
      lastIterationAt: row.reaper_last_pass_at,
      reapedRuns: row.reaped_runs,
      unremovedResources: row.resisting_things,
      error: row.reaper_error,
    },
    leases,
  };
}

interface SchedulerRow {
  readonly id: string;
  readonly hostname: string;
  readonly pid: number;
  readonly version: string;
  readonly started_at: Date;
  readonly last_seen_at: Date;
  readonly is_live: boolean;
  readonly sweeper_last_pass_at: Date | null;
  readonly sweeper_error: string | null;
}

function toScheduler(row: SchedulerRow): SchedulerView {
  return {
    id: row.id,
    hostname: row.hostname,
    pid: row.pid,
    version: row.version,
    isLive: row.is_live,
    startedAt: row.started_at,
    lastSeenAt: row.last_seen_at,
    sweeper: { lastIterationAt: row.sweeper_last_pass_at, error: row.sweeper_error },
  };
}

type PendingTeardownRow = Pick<
  RunRow,
  'id' | 'status' | 'teardown_failed_attempts' | 'teardown_error_code' | 'teardown_error_message'
> & { readonly host: string; readonly teardown_begun_at: Date };

function toPendingTeardown(row: PendingTeardownRow): PendingTeardownView {
  const { teardown_error_code: code, teardown_error_message: message } = row;
  return {
    runId: row.id,
    host: row.host,
    status: row.status,
    since: row.teardown_begun_at,
    failedAttempts: row.teardown_failed_attempts,
    error: code === null ? null : { code, message: message ?? '' },
  };
}
