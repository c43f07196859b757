import { askToEnd, CANCEL_WORDS, SKIPPED } from './cancel-runs';
import type { Statement } from './database';
import { RUN_CONTROL } from './notifications';
import { selectRun } from './run-row';
import { TEAM_AGENTS_JSON } from './stored-agents';

/** Its own lock only where other runs matter: firing skips a schedule that is locked. */
export const OVERLAP_OF: Statement = {
  name: 'archive_overlap_of',
  text: `SELECT overlap FROM schedules WHERE organization_id = $1 AND id = $2`,
};

export const LOCK_SCHEDULE: Statement = {
  name: 'archive_lock_schedule',
  text: `SELECT overlap FROM schedules WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE`,
};

/** Parameter $3: whether the overlap policy wants it skipped. */
const STATE_COLUMNS = 'status, phase, finished_at, error_code, error_message';
const STATE_VALUES = `CASE WHEN $3::boolean THEN 'skipped' ELSE 'queued' END::run_status,
      CASE WHEN $3::boolean THEN 'finished' ELSE 'queued' END::run_phase, CASE WHEN $3::boolean THEN now() END,
      CASE WHEN $3::boolean THEN '${SKIPPED.code}' END, CASE WHEN $3::boolean THEN '${SKIPPED.message}' END`;

export const INSERT_MANUAL: Statement = {
  name: 'archive_insert_manual',
  text: `WITH made AS (
      INSERT INTO schedule_runs (organization_id, schedule_id, team_id, trigger, scheduled_for, request_key, ${STATE_COLUMNS},
        team_name, network, prompt, timeout_ms, agents, exclusive)
      SELECT s.organization_id, s.id, t.id, 'manual', now(), $4, ${STATE_VALUES},
        t.name, t.network, s.prompt, s.timeout_ms, ${TEAM_AGENTS_JSON}, s.overlap <> 'allow'
      FROM schedules s JOIN teams t ON t.organization_id = s.organization_id AND t.id = s.team_id
      WHERE s.organization_id = $1 AND s.id = $2 AND s.deleted_at IS NULL RETURNING *)
    ${selectRun({ run: 'made' })}`,
};

/** What it was, once more: prompt, team and timeout are those of the earlier run. */
export const INSERT_RERUN: Statement = {
  name: 'archive_insert_rerun',
  text: `WITH made AS (
      INSERT INTO schedule_runs (organization_id, schedule_id, team_id, trigger, scheduled_for, request_key, ${STATE_COLUMNS},
        team_name, network, prompt, timeout_ms, agents, exclusive)
      SELECT e.organization_id, e.schedule_id, e.team_id, 'rerun', now(), $4, ${STATE_VALUES},
        e.team_name, e.network, e.prompt, e.timeout_ms, e.agents, s.overlap <> 'allow'
      FROM schedule_runs e JOIN schedules s ON s.id = e.schedule_id
      WHERE e.organization_id = $1 AND e.id = $2 RETURNING *)
    ${selectRun({ run: 'made' })}`,
};

/** The run that a request with this key has made before. */
export const RUN_OF_REQUEST: Statement = {
  name: 'archive_run_of_request',
  text: `${selectRun({ run: 'schedule_runs' })} WHERE r.organization_id = $1 AND r.request_key = $2`,
};

/** A key may be used anew after a day, as the answers kept for it. */
export const FORGET_OLD_REQUEST: Statement = {
  name: 'archive_forget_old_request',
  text: `UPDATE schedule_runs SET request_key = NULL
    WHERE organization_id = $1 AND request_key = $2 AND queued_at <= now() - interval '24 hours'`,
};

export const SCHEDULE_OF: Statement = {
  name: 'archive_schedule_of',
  text: 'SELECT schedule_id FROM schedule_runs WHERE organization_id = $1 AND id = $2',
};

export const REQUEST_CANCEL: Statement = {
  name: 'archive_request_cancel',
  text: `WITH asked AS (
      ${askToEnd(`'cancelled'`, `'${CANCEL_WORDS.cancelled}'`)}
      WHERE r.organization_id = $1 AND r.id = $2 AND r.finished_at IS NULL AND r.phase <> 'tearing_down' RETURNING r.*),
    told AS MATERIALIZED (SELECT pg_notify('${RUN_CONTROL}', id::text) FROM asked)
    SELECT whole.* FROM (${selectRun({ run: 'asked' })}) AS whole, told`,
};

export const GET_RUN: Statement = {
  name: 'archive_get_run',
  text: `${selectRun({ run: 'schedule_runs' })} WHERE r.organization_id = $1 AND r.id = $2`,
};

const LIST_FILTER = `($2::timestamptz IS NULL OR (r.scheduled_for, r.id) < ($2::timestamptz, $3::uuid))
      AND ($4::run_status IS NULL OR r.status = $4::run_status) AND ($5::run_trigger IS NULL OR r.trigger = $5::run_trigger)
      AND ($6::timestamptz IS NULL OR r.scheduled_for >= $6::timestamptz) AND ($7::timestamptz IS NULL OR r.scheduled_for < $7::timestamptz)
    ORDER BY r.scheduled_for DESC, r.id DESC LIMIT $8`;

export const LIST_RUNS: Statement = {
  name: 'archive_list_runs',
  text: `${selectRun({ run: 'schedule_runs' })} WHERE r.organization_id = $1 AND ${LIST_FILTER}`,
};

/** A statement of its own: one plan cannot serve both indexes. */
export const LIST_RUNS_OF_SCHEDULE: Statement = {
  name: 'archive_list_runs_of_schedule',
  text: `${selectRun({ run: 'schedule_runs' })} WHERE r.organization_id = $1 AND r.schedule_id = $9 AND ${LIST_FILTER}`,
};
