import type { LastRun, PromptRecord } from '@crewtab/domain/runs/prompt-facts';
import type { RunStatus } from '@crewtab/domain/runs/run';
import type { Statement } from '../database/database';

/** So many of the newest successes are looked at; the newest window is among them but for a backlog that was caught up since. */
const LOOKED_AT = 100;
/** Of the last result, characters: a template shows less. */
const LONGEST_RESULT = 30_000;

/** A run with a prompt of its own did not do the schedule's work, and covers nothing. */
const coveredUntil = (before: string): string => `(SELECT max(covered.until) FROM (
      SELECT COALESCE(c.window_end, c.scheduled_for) AS until FROM schedule_runs c
      WHERE c.schedule_id = s.id AND c.status = 'success' AND NOT c.has_own_prompt
      ORDER BY c.finished_at DESC LIMIT ${LOOKED_AT}) covered WHERE covered.until < ${before})`;

const recordOf = (before: string): string => `s.id AS schedule_id, s.name, s.timezone, s.created_at,
    ${coveredUntil(before)} AS covered_until, l.status, left(l.result, ${LONGEST_RESULT}) AS result, l.finished_at`;

const LAST_RUN = `LEFT JOIN LATERAL (SELECT e.status, e.result, e.finished_at FROM schedule_runs e
      WHERE e.schedule_id = s.id AND e.status IN ('success', 'failed', 'timeout', 'cancelled')
      ORDER BY e.finished_at DESC LIMIT 1) l ON true`;

export const PROMPT_RECORD_OF_RUN: Statement = {
  name: 'prompt_record_of_run',
  text: `SELECT ${recordOf('r.scheduled_for')}, r.window_start, r.window_end
    FROM schedule_runs r LEFT JOIN schedules s ON s.id = r.schedule_id ${LAST_RUN} WHERE r.id = $1 AND r.epoch = $2`,
};

export const PROMPT_RECORD_OF_SCHEDULE: Statement = {
  name: 'prompt_record_of_schedule',
  text: `SELECT ${recordOf('$3::timestamptz')}, NULL::timestamptz AS window_start, NULL::timestamptz AS window_end
    FROM schedules s ${LAST_RUN} WHERE s.organization_id = $1 AND s.id = $2 AND s.deleted_at IS NULL`,
};

export interface PromptRow {
  /** Null: the run has none, and nothing else is known. */
  readonly schedule_id: string | null;
  readonly name: string;
  readonly timezone: string;
  readonly created_at: Date;
  readonly covered_until: Date | null;
  readonly status: RunStatus | null;
  readonly result: string | null;
  readonly finished_at: Date | null;
  readonly window_start: Date | null;
  readonly window_end: Date | null;
}

export function toPromptRecord(row: PromptRow): PromptRecord | null {
  if (row.schedule_id === null) return null;
  const { window_start: start, window_end: end } = row;
  return {
    scheduleName: row.name,
    timezone: row.timezone,
    scheduleCreatedAt: row.created_at,
    coveredUntil: row.covered_until,
    keptWindow: start && end ? { start, end } : null,
    lastRun: lastRunOf(row),
  };
}

function lastRunOf({ status, result, finished_at: finishedAt }: PromptRow): LastRun | null {
  return status && finishedAt ? { status, result, finishedAt } : null;
}
