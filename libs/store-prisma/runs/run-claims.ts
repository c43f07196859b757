import {
  DEFAULT_LEASE_MS,
  OVERDUE_GRACE_MS,
  type Claim,
  type RunStore,
  type WorkerIdentity,
} from '@crewtab/domain/ports/run-store';
import { type Statement, isId } from '../database/database';
import { loadClaimed, selectRun, toRun, type RunContext, type RunRow } from './run-row';

/** No worker holds run `r`. */
export const IS_FREE = '(r.lease_until IS NULL OR r.lease_until < now())';

/**
 * When the lease of run `r` ends. A lease that was not renewed since the deadline ends a short grace after the deadline.
 *
 * @param lease SQL for the length of a lease, ms
 */
const freeAt = (lease: string): string => `(CASE
  WHEN r.status = 'running' AND r.lease_until < r.deadline_at + ${lease} * interval '1 millisecond'
  THEN LEAST(r.lease_until, r.deadline_at + interval '${OVERDUE_GRACE_MS} milliseconds') ELSE r.lease_until END)`;

/** Run `r` is to have the workspace that its schedule keeps. */
export const KEEPS = `(r.exclusive AND r.schedule_id IS NOT NULL AND COALESCE(r.workspace -> 'persist' = 'true'::jsonb, false))`;

/**
 * An exclusive run waits for the running one of its schedule, and for those that were queued before it; where a workspace is kept, also until
 * nothing is left of the run before.
 */
export const MUST_WAIT = `(r.exclusive AND EXISTS (
  SELECT 1 FROM schedule_runs o
  WHERE o.schedule_id = r.schedule_id AND o.id <> r.id AND o.status IN ('queued', 'running') AND (o.status = 'running'
    OR (o.exclusive AND (o.scheduled_for, o.id) < (r.scheduled_for, r.id))))
  OR CASE WHEN ${KEEPS} THEN EXISTS (
    SELECT 1 FROM schedule_runs o
    WHERE o.schedule_id = r.schedule_id AND o.id <> r.id AND o.workspace_generation IS NOT NULL AND o.phase NOT IN ('queued', 'finished'))
    ELSE false END)`;

/** A host that has a schedule's workspace is waited for so long before the run begins with an empty one elsewhere. */
const KEPT_HOST_WAIT = "interval '2 minutes'";

/** Run `r` is to have a workspace that is kept on another host than this one, whose workers are there or were just now. */
const isExpectedElsewhere = (host: string): string => `CASE WHEN ${KEEPS} THEN EXISTS (
    SELECT 1 FROM kept_workspaces k JOIN hosts h ON h.id = k.host
    WHERE k.schedule_id = r.schedule_id AND k.host <> ${host} AND h.decommissioned_at IS NULL AND h.last_seen_at > now() - ${KEPT_HOST_WAIT})
    ELSE false END`;

/** Assignments of every claim: the database gives runs with more to do to workers alone that know how (`understood_epoch`, `workspace_epoch`). */
export const TAKEN = 'epoch = r.epoch + 1, understood_epoch = r.epoch + 1, workspace_epoch = r.epoch + 1';

const CLAIM: Statement = {
  name: 'run_claim',
  text: `WITH taken AS (
      UPDATE schedule_runs r SET ${TAKEN}, owner = $2, lease_until = now() + $4 * interval '1 millisecond'
      WHERE r.id = $1 AND r.phase <> 'finished' AND ${IS_FREE} AND (r.host IS NULL OR r.host = $3)
        AND (r.status <> 'queued' OR NOT (${MUST_WAIT} OR ${isExpectedElsewhere('$3')}))
      RETURNING r.*)
    ${selectRun({ run: 'taken' })}`,
};

const CLAIM_ABANDONED: Statement = {
  name: 'run_claim_abandoned',
  text: `WITH abandoned AS (
      SELECT r.id FROM schedule_runs r
      WHERE r.host = $2 AND r.phase NOT IN ('queued', 'finished') AND (r.lease_until IS NULL OR ${freeAt('$4')} < now())
      ORDER BY r.deadline_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED),
    taken AS (
      UPDATE schedule_runs r SET ${TAKEN}, owner = $1, lease_until = now() + $4 * interval '1 millisecond'
      FROM abandoned WHERE r.id = abandoned.id RETURNING r.*)
    ${selectRun({ run: 'taken' })} ORDER BY r.deadline_at`,
};

const UNTIL_ABANDONED: Statement = {
  name: 'run_until_abandoned',
  text: `SELECT ceil(extract(epoch FROM min(COALESCE(${freeAt('$3')}, now())) - now()) * 1000)::int AS ms FROM schedule_runs r
    WHERE r.host = $2 AND r.phase NOT IN ('queued', 'finished') AND r.owner IS DISTINCT FROM $1`,
};

const RENEW: Statement = {
  name: 'run_renew',
  text: `UPDATE schedule_runs r SET lease_until = now() + $4 * interval '1 millisecond'
    FROM unnest($2::uuid[], $3::int[]) AS held(run_id, epoch)
    WHERE r.id = held.run_id AND r.epoch = held.epoch AND r.owner = $1 AND r.phase <> 'finished'
    RETURNING r.id, r.epoch, r.cancel_requested_at, r.cancel_code`,
};

const RELEASE: Statement = {
  name: 'run_release',
  text: `UPDATE schedule_runs r SET owner = NULL, lease_until = NULL
    FROM unnest($1::uuid[], $2::int[]) AS held(run_id, epoch)
    WHERE r.id = held.run_id AND r.epoch = held.epoch`,
};

const LOOK_UP: Statement = {
  name: 'run_look_up',
  text: `SELECT id, phase = 'finished' AS is_finished FROM schedule_runs WHERE id = ANY ($1::uuid[])`,
};

const ABANDONED: Statement = {
  name: 'run_find_abandoned',
  text: `SELECT r.id, r.host FROM schedule_runs r
    WHERE r.phase NOT IN ('queued', 'finished') AND ${IS_FREE} ORDER BY r.deadline_at LIMIT $1`,
};

const OFFERABLE: Statement = {
  name: 'run_find_offerable',
  text: `SELECT r.id FROM schedule_runs r
    WHERE r.status = 'queued' AND ${IS_FREE} AND r.queued_at <= now() - $1 * interval '1 millisecond' AND NOT ${MUST_WAIT}
    ORDER BY r.scheduled_for, r.id LIMIT $2`,
};

/** Reads few rows: a partial index holds the active runs of each schedule. */
const NEXT_IN_LINE: Statement = {
  name: 'run_find_next_in_line',
  text: `SELECT r.id FROM schedule_runs r
    WHERE r.schedule_id = (SELECT ended.schedule_id FROM schedule_runs ended WHERE ended.id = $1)
      AND r.status = 'queued' AND r.exclusive AND ${IS_FREE} AND NOT ${MUST_WAIT}
    ORDER BY r.scheduled_for, r.id LIMIT 1`,
};

type RunClaims = Pick<
  RunStore,
  | 'claim'
  | 'claimAbandoned'
  | 'untilAbandoned'
  | 'renewLeases'
  | 'release'
  | 'load'
  | 'lookUp'
  | 'findAbandoned'
  | 'findOfferable'
  | 'findNextInLine'
>;

/** Which worker holds a run, and which runs wait for one. Each call is one statement that is its own transaction. */
export function runClaims(context: RunContext): RunClaims {
  const { db, box, changes } = context;
  return {
    async claim(runId, worker) {
      if (!isId(runId)) return null;
      const [row] = await db.query<RunRow>(CLAIM, [runId, worker.workerId, worker.host, leaseOf(worker)]);
      if (!row) return null;
      changes.touch(runId);
      return toRun(row, box);
    },

    async claimAbandoned(worker, limit) {
      const rows = await db.query<RunRow>(CLAIM_ABANDONED, [worker.workerId, worker.host, limit, leaseOf(worker)]);
      if (rows.length > 0) changes.touch(...rows.map(({ id }) => id));
      return rows.map((row) => toRun(row, box));
    },

    async untilAbandoned(worker) {
      const values = [worker.workerId, worker.host, leaseOf(worker)];
      const [row] = await db.query<{ ms: number | null }>(UNTIL_ABANDONED, values);
      return typeof row?.ms === 'number' ? Math.max(0, row.ms) : null;
    },

    async renewLeases(worker, claims) {
      if (claims.length === 0) return [];
      const values = [worker.workerId, ...columnsOf(claims), leaseOf(worker)];
      return (await db.query<RenewedRow>(RENEW, values)).map((row) => ({
        runId: row.id,
        epoch: row.epoch,
        cancelRequestedAt: row.cancel_requested_at,
        cancelCode: row.cancel_code,
      }));
    },

    release: (claims) => releaseClaims(context, claims),

    load: (claim) => loadClaimed(context, claim),

    async lookUp(runIds) {
      // Asked even without ids: the caller wants to know that the database can be read.
      const rows = await db.query<{ id: string; is_finished: boolean }>(LOOK_UP, [runIds.filter(isId)]);
      return new Map(rows.map((row) => [row.id, { isFinished: row.is_finished }]));
    },

    async findAbandoned(limit) {
      const rows = await db.query<{ id: string; host: string }>(ABANDONED, [limit]);
      return rows.map((row) => ({ runId: row.id, host: row.host }));
    },

    async findOfferable(minAgeMs, limit) {
      const rows = await db.query<{ id: string }>(OFFERABLE, [minAgeMs, limit]);
      return rows.map((row) => row.id);
    },

    async findNextInLine(runId) {
      if (!isId(runId)) return null;
      const [row] = await db.query<{ id: string }>(NEXT_IN_LINE, [runId]);
      return row?.id ?? null;
    },
  };
}

export async function releaseClaims({ db }: RunContext, claims: readonly Claim[]): Promise<void> {
  if (claims.length > 0) await db.query(RELEASE, columnsOf(claims));
}

type RenewedRow = Pick<RunRow, 'id' | 'epoch' | 'cancel_requested_at' | 'cancel_code'>;

function leaseOf({ leaseMs = DEFAULT_LEASE_MS }: WorkerIdentity): number {
  return leaseMs;
}

function columnsOf(claims: readonly Claim[]): [string[], number[]] {
  return [claims.map(({ runId }) => runId), claims.map(({ epoch }) => epoch)];
}
