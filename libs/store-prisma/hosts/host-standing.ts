import type { Decommission, HostStore } from '@crewtab/domain/ports/host-store';
import { DEFAULT_LEASE_MS } from '@crewtab/domain/ports/run-store';
import type { Session, Statement } from '../database/database';
import { IS_FREE, TAKEN } from '../runs/run-claims';
import { addRemoved, selectRun, toRun, type RunContext, type RunRow } from '../runs/run-row';
import { ABSENT, IS_BEGUN } from './host-heartbeats';
import { IS_ACTIVE } from './host-lost-runs';

const CLAIM_PENDING_TEARDOWNS: Statement = {
  name: 'host_claim_pending_teardowns',
  text: `WITH owed AS (
      SELECT r.id FROM schedule_runs r
      WHERE r.host = $2 AND ${IS_BEGUN} AND r.phase = 'tearing_down' AND r.finished_at IS NOT NULL AND ${IS_FREE}
      ORDER BY r.deadline_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED),
    taken AS (
      UPDATE schedule_runs r SET ${TAKEN}, owner = $1, lease_until = now() + $4 * interval '1 millisecond'
      FROM owed WHERE r.id = owed.id RETURNING r.*)
    ${selectRun({ run: 'taken' })} ORDER BY r.deadline_at`,
};

const LOCK_HOST: Statement = {
  name: 'host_lock',
  text: 'SELECT decommissioned_at, decommissioned_by FROM hosts WHERE id = $1 FOR UPDATE',
};

const READMIT: Statement = {
  name: 'host_readmit',
  text: 'UPDATE hosts SET reaped_at = now(), decommissioned_at = NULL, decommissioned_by = NULL WHERE id = $1',
};

const VERIFY_GIVEN_UP: Statement = {
  name: 'host_verify_given_up',
  text: `UPDATE schedule_runs r SET teardown_verified_at = now(), ${addRemoved("COALESCE(found.removed::jsonb, '{}')")}
    FROM schedule_runs mine LEFT JOIN unnest($3::text[], $4::text[]) AS found(run_id, removed) ON found.run_id = mine.id::text
    WHERE mine.id = r.id AND r.host = $1 AND r.teardown_given_up_at IS NOT NULL AND r.teardown_verified_at IS NULL
      AND r.id::text <> ALL ($2::text[])
    RETURNING r.id`,
};

const LIVE_WORKERS: Statement = {
  name: 'host_live_workers',
  text: `SELECT id FROM workers WHERE host_id = $1 AND last_seen_at > now() - ${ABSENT} ORDER BY id`,
};

const DECOMMISSION: Statement = {
  name: 'host_decommission',
  text: 'UPDATE hosts SET decommissioned_at = now(), decommissioned_by = $2 WHERE id = $1 RETURNING decommissioned_at',
};

/** Active runs of the host end as `host_lost`. Its pending teardowns are finished without proof, and their rows say so. */
const GIVE_UP: Statement = {
  name: 'host_give_up',
  text: `WITH given_up AS (
      UPDATE schedule_runs r SET epoch = r.epoch + 1, owner = NULL, lease_until = NULL, phase = 'finished',
        teardown_begun_at = COALESCE(r.teardown_begun_at, now()), teardown_given_up_at = now(), teardown_given_up_by = $2,
        status = CASE WHEN ${IS_ACTIVE} THEN 'failed' ELSE r.status END, finished_at = COALESCE(r.finished_at, now()),
        error_code = CASE WHEN ${IS_ACTIVE} THEN 'host_lost' ELSE r.error_code END,
        error_message = CASE WHEN ${IS_ACTIVE} THEN 'the host was decommissioned by ' || $2 ELSE r.error_message END,
        last_seq = r.last_seq + 1
      WHERE r.host = $1 AND ${IS_BEGUN} RETURNING r.organization_id, r.id, r.last_seq),
    said AS (
      INSERT INTO messages (organization_id, run_id, seq, agent, kind, content, at)
      SELECT organization_id, id, last_seq, NULL, 'system', jsonb_build_object('text', $3::text), now() FROM given_up)
    SELECT id FROM given_up`,
};

/** Whether a host takes part: its pending teardowns, its readmission, and its decommission by an admin. */
export function hostStanding(
  context: RunContext,
): Pick<HostStore, 'claimPendingTeardowns' | 'readmit' | 'decommission'> {
  const { db, box, changes } = context;
  return {
    async claimPendingTeardowns({ workerId, host, leaseMs = DEFAULT_LEASE_MS }, limit) {
      const rows = await db.query<RunRow>(CLAIM_PENDING_TEARDOWNS, [workerId, host, limit, leaseMs]);
      if (rows.length > 0) changes.touch(...rows.map(({ id }) => id));
      return rows.map((row) => toRun(row, box));
    },

    async readmit(host, { removed, unremovedRunIds }) {
      const found = [...removed];
      return db.transaction(async (session) => {
        const before = await lockHost(session, host);
        await session.query(READMIT, [host]);
        const verified = await session.query<{ id: string }>(VERIFY_GIVEN_UP, [
          host,
          unremovedRunIds,
          found.map(([runId]) => runId),
          found.map(([, counts]) => JSON.stringify(counts)),
        ]);
        for (const { id } of verified) changes.touch(id);
        return {
          wasDecommissioned: (before?.decommissioned_at ?? null) !== null,
          verifiedRunIds: verified.map(({ id }) => id),
        };
      });
    },

    decommission: (host, by) => decommission(context, host, by),
  };
}

async function decommission({ db, changes }: RunContext, host: string, by: string): Promise<Decommission> {
  return db.transaction(async (session): Promise<Decommission> => {
    const before = await lockHost(session, host);
    if (!before) return { state: 'absent' };
    if (before.decommissioned_at && before.decommissioned_by !== null)
      return { state: 'done', at: before.decommissioned_at, by: before.decommissioned_by, givenUpRunIds: [] };
    const live = await session.query<{ id: string }>(LIVE_WORKERS, [host]);
    if (live.length > 0) return { state: 'alive', workerIds: live.map(({ id }) => id) };
    const [row] = await session.query<{ decommissioned_at: Date }>(DECOMMISSION, [host, by]);
    const words = `The host of this run was decommissioned by ${by}: what was made there was not removed.`;
    const givenUp = await session.query<{ id: string }>(GIVE_UP, [host, by, words]);
    for (const { id } of givenUp) changes.touch(id);
    const at = row?.decommissioned_at ?? new Date();
    return { state: 'done', at, by, givenUpRunIds: givenUp.map(({ id }) => id) };
  });
}

interface HostRow {
  readonly decommissioned_at: Date | null;
  readonly decommissioned_by: string | null;
}

async function lockHost(session: Session, host: string): Promise<HostRow | null> {
  const [row] = await session.query<HostRow>(LOCK_HOST, [host]);
  return row ?? null;
}
