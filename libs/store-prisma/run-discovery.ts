import type { Statement } from './database';
import { IS_FREE, MUST_WAIT } from './run-claims';
import type { RunContext } from './run-context';
import { isId } from './text';

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

/** Few rows: a partial index holds the active runs of each schedule. */
const NEXT_IN_LINE: Statement = {
  name: 'run_find_next_in_line',
  text: `SELECT r.id FROM schedule_runs r
    WHERE r.schedule_id = (SELECT ended.schedule_id FROM schedule_runs ended WHERE ended.id = $1)
      AND r.status = 'queued' AND r.exclusive AND ${IS_FREE} AND NOT ${MUST_WAIT}
    ORDER BY r.scheduled_for, r.id LIMIT 1`,
};

export async function lookUp(
  { db }: RunContext,
  runIds: readonly string[],
): Promise<Map<string, { isFinished: boolean }>> {
  // Asked even without ids: the caller wants to know that the database can be read.
  const rows = await db.query<{ id: string; is_finished: boolean }>(LOOK_UP, [runIds.filter(isId)]);
  return new Map(rows.map((row) => [row.id, { isFinished: row.is_finished }]));
}

export async function findAbandoned({ db }: RunContext, limit: number): Promise<{ runId: string; host: string }[]> {
  const rows = await db.query<{ id: string; host: string }>(ABANDONED, [limit]);
  return rows.map((row) => ({ runId: row.id, host: row.host }));
}

export async function findOfferable({ db }: RunContext, minAgeMs: number, limit: number): Promise<string[]> {
  const rows = await db.query<{ id: string }>(OFFERABLE, [minAgeMs, limit]);
  return rows.map((row) => row.id);
}

export async function findNextInLine({ db }: RunContext, runId: string): Promise<string | null> {
  if (!isId(runId)) return null;
  const [row] = await db.query<{ id: string }>(NEXT_IN_LINE, [runId]);
  return row?.id ?? null;
}
