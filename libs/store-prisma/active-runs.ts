import type { Database, Statement } from './database';

const COUNT_ACTIVE: Statement = {
  name: 'run_count_active',
  text: "SELECT status, count(*)::int AS runs FROM schedule_runs WHERE status IN ('queued', 'running') GROUP BY status",
};

/** Runs that are not terminal yet, by status, over all organizations; for metrics. */
export async function countActiveRuns(db: Database): Promise<Record<'queued' | 'running', number>> {
  const rows = await db.query<{ status: 'queued' | 'running'; runs: number }>(COUNT_ACTIVE);
  return { queued: 0, running: 0, ...Object.fromEntries(rows.map(({ status, runs }) => [status, runs])) };
}
