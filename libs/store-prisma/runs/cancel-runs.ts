import type { ErrorCode } from '@crewtab/domain/errors';
import { type Session, type Statement, RUN_CONTROL } from '../database/database';
import { IS_FREE } from './run-claims';

/**
 * Asks run `r` to end. A queued run without a claim is `cancelled` at once; its epoch grows, so that a worker whose claim
 * ran out cannot begin it. The owner of any other run is told. The first reason stays.
 *
 * @param code, words SQL expressions for the reason
 */
export function askToEnd(code: string, words: string): string {
  const isIdle = `(r.status = 'queued' AND ${IS_FREE})`;
  const ifIdle = (value: string, column: string): string =>
    `${column} = CASE WHEN ${isIdle} THEN ${value} ELSE r.${column} END`;
  return `UPDATE schedule_runs r SET cancel_requested_at = COALESCE(r.cancel_requested_at, now()),
      cancel_code = COALESCE(r.cancel_code, ${code}::cancel_code),
      ${ifIdle(`'cancelled'::run_status`, 'status')}, ${ifIdle(`'finished'::run_phase`, 'phase')}, ${ifIdle('now()', 'finished_at')},
      ${ifIdle('r.epoch + 1', 'epoch')}, ${ifIdle('NULL', 'owner')}, ${ifIdle('NULL', 'lease_until')},
      ${ifIdle(`COALESCE(r.cancel_code::text, ${code})`, 'error_code')}, ${ifIdle(words, 'error_message')}`;
}

export const CANCEL_WORDS: Readonly<Record<'cancelled' | 'replaced', string>> = {
  cancelled: 'cancelled on request',
  replaced: 'a newer run of the schedule took its place',
};

const REPLACE_ACTIVE: Statement = {
  name: 'runs_replace_active',
  text: `WITH asked AS (
      ${askToEnd(`'replaced'`, `'${CANCEL_WORDS.replaced}'`)}
      WHERE r.schedule_id = $1 AND r.status IN ('queued', 'running') AND r.phase NOT IN ('collecting', 'tearing_down') RETURNING r.id)
    SELECT pg_notify('${RUN_CONTROL}', id::text) FROM asked`,
};

/** Overlap policy `replace`: asks all active runs of the schedule to end. */
export async function replaceActive(session: Session, scheduleId: string): Promise<void> {
  await session.query(REPLACE_ACTIVE, [scheduleId]);
}

export const SKIPPED: { readonly code: ErrorCode; readonly message: string } = {
  code: 'overlap_skipped',
  message: 'an earlier run of the schedule was still active (overlap policy "skip")',
};

/** Asked after the lock on the schedule, so that it counts the runs of the transactions that held the lock before. */
export const COUNT_ACTIVE: Statement = {
  name: 'fire_count_active',
  text: `SELECT count(*)::int AS active, (array_agg(id ORDER BY scheduled_for, id))[1] AS oldest_id
    FROM schedule_runs WHERE schedule_id = $1 AND status IN ('queued', 'running')`,
};
