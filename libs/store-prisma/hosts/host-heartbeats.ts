import { effect } from '@crewtab/domain/failpoint';
import { ABSENT_AFTER_MS } from '@crewtab/domain/hosts/host-loss';
import type { HostStore } from '@crewtab/domain/ports/host-store';
import type { Statement } from '../database/database';
import type { RunContext } from '../runs/run-row';

/** SQL for "this heartbeat is too old". */
export const ABSENT = `interval '${ABSENT_AFTER_MS} milliseconds'`;

/** Word for word the condition of the index `schedule_runs_begun`, so that these statements never read the history. */
export const IS_BEGUN = `r.phase NOT IN ('queued', 'finished')`;

const ago = (parameter: string): string => `now() - ${parameter}::float8 * interval '1 millisecond'`;

/** The host's row comes first, since the worker's refers to it. Workers of one host wait for each other only this long. */
const NOTE_WORKER: Statement = {
  name: 'host_note_worker',
  text: `WITH host AS (
      INSERT INTO hosts AS h (id, runtime, description, last_seen_at) VALUES ($1, $2, $3, now())
      ON CONFLICT (id) DO UPDATE SET runtime = $2, description = $3, last_seen_at = now() RETURNING h.id, h.decommissioned_at),
    worker AS (
      INSERT INTO workers AS w (id, host_id, hostname, pid, version, last_seen_at, capacity, held_runs, adopted_runs, refusal,
        reaper_last_pass_at, reaped_runs, resisting_things, reaper_error)
      SELECT $4, host.id, $5, $6, $7, now(), $8, $9, $10, $11, ${ago('$12')}, $13, $14, $15 FROM host
      ON CONFLICT (id) DO UPDATE SET last_seen_at = now(), capacity = $8, held_runs = $9, adopted_runs = $10, refusal = $11,
        reaper_last_pass_at = EXCLUDED.reaper_last_pass_at, reaped_runs = $13, resisting_things = $14, reaper_error = $15)
    SELECT decommissioned_at IS NOT NULL AS is_decommissioned FROM host`,
};

const FORGET_WORKER: Statement = { name: 'host_forget_worker', text: 'DELETE FROM workers WHERE id = $1' };

/** A gap in its own heartbeats moves `steady_since` on: a scheduler that was away cannot call a host unresponsive. */
const NOTE_SCHEDULER: Statement = {
  name: 'host_note_scheduler',
  text: `INSERT INTO schedulers AS s (id, hostname, pid, version, last_seen_at, sweeper_last_pass_at, sweeper_error)
    VALUES ($1, $2, $3, $4, now(), ${ago('$5')}, $6)
    ON CONFLICT (id) DO UPDATE SET last_seen_at = now(), sweeper_last_pass_at = EXCLUDED.sweeper_last_pass_at, sweeper_error = $6,
      steady_since = CASE WHEN s.last_seen_at BETWEEN now() - ${ABSENT} AND now() + ${ABSENT} THEN s.steady_since ELSE now() END`,
};

const FORGET_SCHEDULER: Statement = { name: 'host_forget_scheduler', text: 'DELETE FROM schedulers WHERE id = $1' };

/** Deletes processes that died a day ago, and hosts without begun runs that sent no heartbeat for a month. */
const FORGET_OLD: Statement = {
  name: 'host_forget_old',
  text: `WITH workers_gone AS (DELETE FROM workers WHERE last_seen_at < now() - interval '1 day'),
      schedulers_gone AS (DELETE FROM schedulers WHERE last_seen_at < now() - interval '1 day')
    DELETE FROM hosts h WHERE h.last_seen_at < now() - interval '30 days' AND NOT EXISTS (
      SELECT 1 FROM schedule_runs r WHERE r.host = h.id AND ${IS_BEGUN})`,
};

type HostHeartbeats = Pick<HostStore, 'noteWorker' | 'forgetWorker' | 'noteScheduler' | 'forgetScheduler'>;

/** Which workers and schedulers are alive, and what they said last. */
export function hostHeartbeats({ db }: RunContext): HostHeartbeats {
  return {
    async noteWorker({ host, reaper, ...worker }) {
      const [row] = await db.query<{ is_decommissioned: boolean }>(NOTE_WORKER, [
        host.id,
        host.runtime,
        host.description,
        worker.id,
        worker.hostname,
        worker.pid,
        worker.version,
        worker.capacity,
        worker.heldRuns,
        worker.adoptedRuns,
        worker.refusal,
        reaper.lastIterationAgoMs,
        reaper.reapedRuns,
        reaper.unremovedResources,
        reaper.error,
      ]);
      return { isDecommissioned: row?.is_decommissioned ?? false };
    },

    async forgetWorker(workerId) {
      await db.query(FORGET_WORKER, [workerId]);
    },

    async noteScheduler({ id, hostname, pid, version, sweeper }) {
      await db.query(NOTE_SCHEDULER, [id, hostname, pid, version, sweeper.lastIterationAgoMs, sweeper.error]);
      await effect('postgres.host-forget-old', () => db.query(FORGET_OLD));
    },

    async forgetScheduler(schedulerId) {
      await db.query(FORGET_SCHEDULER, [schedulerId]);
    },
  };
}
