import { decideLoss } from '@crewtab/domain/hosts/host-loss';
import type { HostStore } from '@crewtab/domain/ports/host-store';
import { endMessage } from '@crewtab/domain/runs/message';
import type { Outcome } from '@crewtab/domain/runs/run';
import { type Statement, storableJson } from '../database/database';
import { outcomeOf, type RunContext, type RunRow } from '../runs/run-row';
import { ABSENT, IS_BEGUN } from './host-heartbeats';

/** Runs that one iteration looks at, oldest deadline first. */
const BATCH = 1_000;

/** A run that was begun and is not terminal: a pending success is still waiting for its teardown. */
export const IS_ACTIVE = `(r.status = 'running' AND r.phase NOT IN ('queued', 'finished'))`;

/**
 * Active runs without a live claim, or past a deadline at which their worker should have ended them. A scheduler without a
 * fresh heartbeat of its own gets none: a clock that jumped between the two statements must not make every host look lost.
 */
const WATCHED: Statement = {
  name: 'host_watched_runs',
  text: `SELECT r.id, r.epoch, r.phase, r.status, r.host, r.deadline_at, r.cancel_requested_at, r.cancel_code, r.result, r.error_code,
      r.error_message, r.verification, r.teardown_begun_at, r.lease_until, h.last_seen_at AS host_seen_at, s.steady_since, now() AS now
    FROM schedule_runs r JOIN schedulers s ON s.id = $1 AND s.last_seen_at > now() - ${ABSENT}
    LEFT JOIN hosts h ON h.id = r.host
    WHERE ${IS_BEGUN} AND ${IS_ACTIVE} AND (r.lease_until IS NULL OR r.lease_until < now() OR r.deadline_at <= now())
    ORDER BY r.deadline_at LIMIT ${BATCH}`,
};

/** Changes only runs that are as WATCHED read them: the next iteration judges an adoption, a renewal, an outcome or a cancel. */
const END_LOST: Statement = {
  name: 'host_end_lost_runs',
  text: `WITH ended AS (
      UPDATE schedule_runs r SET epoch = r.epoch + 1, owner = NULL, lease_until = NULL, phase = 'tearing_down',
        teardown_begun_at = COALESCE(r.teardown_begun_at, now()), status = lost.status, finished_at = now(), result = lost.result,
        error_code = lost.code, error_message = lost.message, last_seq = r.last_seq + 1
      FROM unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::run_status[], $5::text[], $6::text[], $7::text[], $8::text[],
          $9::run_phase[], $10::timestamptz[])
        AS lost(run_id, epoch, lease_until, status, result, code, message, content, phase, cancel_requested_at)
      WHERE r.id = lost.run_id AND r.epoch = lost.epoch AND r.lease_until IS NOT DISTINCT FROM lost.lease_until
        AND r.phase = lost.phase AND r.cancel_requested_at IS NOT DISTINCT FROM lost.cancel_requested_at AND ${IS_ACTIVE}
      RETURNING r.organization_id, r.id, r.last_seq, lost.content),
    said AS (
      INSERT INTO messages (organization_id, run_id, seq, agent, kind, content, at)
      SELECT organization_id, id, last_seq, NULL, 'system', content::jsonb, now() FROM ended)
    SELECT id FROM ended`,
};

type WatchedRow = Pick<
  RunRow,
  | 'id'
  | 'epoch'
  | 'phase'
  | 'status'
  | 'deadline_at'
  | 'cancel_requested_at'
  | 'cancel_code'
  | 'result'
  | 'error_code'
  | 'error_message'
  | 'verification'
  | 'teardown_begun_at'
> & {
  readonly host: string;
  readonly lease_until: Date | null;
  readonly host_seen_at: Date | null;
  readonly steady_since: Date;
  readonly now: Date;
};

interface Loss {
  readonly row: WatchedRow;
  readonly outcome: Outcome;
}

/** Ends the active runs of hosts that are lost. */
export function hostLosses({ db, changes }: RunContext): Pick<HostStore, 'endLostRuns'> {
  return {
    async endLostRuns(schedulerId, hostTimeoutMs) {
      const rows = await db.query<WatchedRow>(WATCHED, [schedulerId]);
      const losses = rows.flatMap((row): Loss[] => {
        const outcome = judge(row, hostTimeoutMs);
        return outcome ? [{ row, outcome }] : [];
      });
      if (losses.length === 0) return [];
      const ended = new Set((await db.query<{ id: string }>(END_LOST, columnsOf(losses))).map(({ id }) => id));
      for (const runId of ended) changes.touch(runId);
      return losses.flatMap(({ row, outcome: { status, error } }) =>
        ended.has(row.id) && error ? [{ runId: row.id, host: row.host, phase: row.phase, status, error }] : [],
      );
    },
  };
}

function judge(row: WatchedRow, hostTimeoutMs: number): Outcome | null {
  const run = {
    id: row.id,
    phase: row.phase,
    status: row.status,
    host: row.host,
    deadlineAt: row.deadline_at,
    cancelRequestedAt: row.cancel_requested_at,
    cancelCode: row.cancel_code,
    outcome: outcomeOf(row),
    teardown: { begunAt: row.teardown_begun_at },
  };
  const { lease_until: leaseUntil, host_seen_at: hostSeenAt, steady_since: steadySince, now } = row;
  return decideLoss({ run, leaseUntil, hostSeenAt, steadySince }, now, hostTimeoutMs);
}

function columnsOf(losses: readonly Loss[]): unknown[][] {
  return [
    losses.map(({ row }) => row.id),
    losses.map(({ row }) => row.epoch),
    losses.map(({ row }) => row.lease_until),
    losses.map(({ outcome }) => outcome.status),
    losses.map(({ outcome }) => outcome.result),
    losses.map(({ outcome }) => outcome.error?.code),
    losses.map(({ outcome }) => outcome.error?.message),
    losses.map(({ outcome, row }) => storableJson(endMessage(outcome, row.now).content)),
    losses.map(({ row }) => row.phase),
    losses.map(({ row }) => row.cancel_requested_at),
  ];
}
