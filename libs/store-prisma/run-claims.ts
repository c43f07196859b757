import {
  DEFAULT_LEASE_MS,
  OVERDUE_GRACE_MS,
  type Claim,
  type RenewedLease,
  type WorkerIdentity,
} from '@crewtab/domain/ports/run-store';
import type { Run } from '@crewtab/domain/runs/run';
import type { Statement } from './database';
import type { RunContext } from './run-context';
import { selectRun, toRun, type RunRow } from './run-row';
import { isId } from './text';

/** Nobody holds run `r`. */
export const IS_FREE = '(r.lease_until IS NULL OR r.lease_until < now())';

/** When the lease of run `r` ends, or ceases to count: it was not renewed since the deadline. `lease`: ms, as SQL. */
const freeAt = (lease: string): string => `(CASE
  WHEN r.status = 'running' AND r.lease_until < r.deadline_at + ${lease} * interval '1 millisecond'
  THEN LEAST(r.lease_until, r.deadline_at + interval '${OVERDUE_GRACE_MS} milliseconds') ELSE r.lease_until END)`;

/** An exclusive run waits for the running one of its schedule, and for those that queued before it. */
export const MUST_WAIT = `(r.exclusive AND EXISTS (
  SELECT 1 FROM schedule_runs o
  WHERE o.schedule_id = r.schedule_id AND o.id <> r.id AND o.status IN ('queued', 'running') AND (o.status = 'running'
    OR (o.exclusive AND (o.scheduled_for, o.id) < (r.scheduled_for, r.id)))))`;

const CLAIM: Statement = {
  name: 'run_claim',
  text: `WITH taken AS (
      UPDATE schedule_runs r SET epoch = r.epoch + 1, owner = $2, lease_until = now() + $4 * interval '1 millisecond'
      WHERE r.id = $1 AND r.phase <> 'finished' AND ${IS_FREE} AND (r.host IS NULL OR r.host = $3)
        AND (r.status <> 'queued' OR NOT ${MUST_WAIT})
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
      UPDATE schedule_runs r SET epoch = r.epoch + 1, owner = $1, lease_until = now() + $4 * interval '1 millisecond'
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

export async function claimRun(
  { db, box, changes }: RunContext,
  runId: string,
  worker: WorkerIdentity,
): Promise<Run | null> {
  if (!isId(runId)) return null;
  const [row] = await db.query<RunRow>(CLAIM, [runId, worker.workerId, worker.host, leaseOf(worker)]);
  if (!row) return null;
  changes.touch(runId);
  return toRun(row, box);
}

export async function claimAbandonedRuns(
  { db, box }: RunContext,
  worker: WorkerIdentity,
  limit: number,
): Promise<Run[]> {
  const rows = await db.query<RunRow>(CLAIM_ABANDONED, [worker.workerId, worker.host, limit, leaseOf(worker)]);
  return rows.map((row) => toRun(row, box));
}

export async function untilAbandoned({ db }: RunContext, worker: WorkerIdentity): Promise<number | null> {
  const [row] = await db.query<{ ms: number | null }>(UNTIL_ABANDONED, [worker.workerId, worker.host, leaseOf(worker)]);
  return typeof row?.ms === 'number' ? Math.max(0, row.ms) : null;
}

export async function renewLeases(
  { db }: RunContext,
  worker: WorkerIdentity,
  claims: readonly Claim[],
): Promise<RenewedLease[]> {
  if (claims.length === 0) return [];
  const rows = await db.query<Pick<RunRow, 'id' | 'epoch' | 'cancel_requested_at' | 'cancel_code'>>(RENEW, [
    worker.workerId,
    ...columns(claims),
    leaseOf(worker),
  ]);
  return rows.map((row) => ({
    runId: row.id,
    epoch: row.epoch,
    cancelRequestedAt: row.cancel_requested_at,
    cancelCode: row.cancel_code,
  }));
}

export async function releaseClaims({ db }: RunContext, claims: readonly Claim[]): Promise<void> {
  if (claims.length > 0) await db.query(RELEASE, columns(claims));
}

function leaseOf({ leaseMs = DEFAULT_LEASE_MS }: WorkerIdentity): number {
  return leaseMs;
}

function columns(claims: readonly Claim[]): [string[], number[]] {
  return [claims.map(({ runId }) => runId), claims.map(({ epoch }) => epoch)];
}
