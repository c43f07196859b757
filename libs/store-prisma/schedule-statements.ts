import type { Statement } from './database';
import { SCHEDULE_CHANGED } from './notifications';

/**
 * The whole of schedule `s`. Its status and last run are read from its runs, each by one step into a partial index; nothing
 * about them is stored.
 */
const STATUS_OF = `CASE
    WHEN EXISTS (SELECT 1 FROM schedule_runs r WHERE r.schedule_id = s.id AND r.status IN ('queued', 'running')) THEN 'running'
    WHEN (SELECT r.status FROM schedule_runs r WHERE r.schedule_id = s.id AND r.status IN ('success', 'failed', 'timeout', 'cancelled')
      ORDER BY r.finished_at DESC LIMIT 1) IN ('failed', 'timeout') THEN 'error'
    ELSE 'idle' END`;
const LAST_RUN_OF = `(SELECT r.started_at FROM schedule_runs r WHERE r.schedule_id = s.id AND r.started_at IS NOT NULL
    ORDER BY r.started_at DESC LIMIT 1)`;

/** An instant of schedule `s` has come and has no row yet: an edit now would lose it. */
const IS_DUE = 'COALESCE(s.enabled AND s.next_fire_at <= now(), false)';
const SOUND = 'fault = NULL, fault_since = NULL, retry_at = NULL';

/** After an edit that changed nothing: was there anything to change? */
export const HAS_SCHEDULE: Statement = {
  name: 'schedule_is_there',
  text: 'SELECT 1 FROM schedules s WHERE s.organization_id = $1 AND s.id = $2 AND s.deleted_at IS NULL',
};

const SELECT_SCHEDULE = `SELECT s.*, state.status, ${LAST_RUN_OF} AS last_run_at`;
const WITH_STATE = `CROSS JOIN LATERAL (SELECT ${STATUS_OF} AS status) AS state`;

/** A CTE that changed schedules, read back; timers and clock keepers of all processes are told. */
const READ_CHANGED = `${SELECT_SCHEDULE}, pg_notify('${SCHEDULE_CHANGED}', '') FROM changed s ${WITH_STATE}`;

/** Inserts nothing when the team is not there, or when the schedule ($14, null: a new one) is. */
export const CREATE_SCHEDULE: Statement = {
  name: 'schedule_create',
  text: `WITH changed AS (
      INSERT INTO schedules (organization_id, team_id, name, prompt, cron, timezone, enabled, timeout_ms, overlap, catch_up,
        catch_up_window_ms, next_fire_at, following_fire_at, id)
      SELECT t.organization_id, t.id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, COALESCE($14::uuid, crewtab_uuid_v7())
      FROM teams t WHERE t.organization_id = $1 AND t.id = $2 FOR KEY SHARE
      ON CONFLICT DO NOTHING
      RETURNING *)
    ${READ_CHANGED}`,
};

export const IS_DELETED: Statement = {
  name: 'schedule_is_deleted',
  text: 'SELECT 1 FROM schedules s WHERE s.organization_id = $1 AND s.id = $2 AND s.deleted_at IS NOT NULL',
};

const listOf = (name: string, condition: string): Statement => ({
  name,
  text: `${SELECT_SCHEDULE} FROM schedules s ${WITH_STATE}
    WHERE s.organization_id = $1 AND s.deleted_at IS NULL AND ($2::uuid IS NULL OR s.id < $2::uuid)
      AND ($3::uuid IS NULL OR s.team_id = $3::uuid) AND ($4::boolean IS NULL OR s.enabled = $4::boolean) AND ${condition}
    ORDER BY s.id DESC LIMIT $6`,
});

/** $5 is the wanted status, or null for all. */
export const LIST_SCHEDULES = listOf('schedule_list', '($5::text IS NULL OR state.status = $5::text)');

/** For the status `running` alone ($5): among many idle schedules the few are found from their runs. */
export const LIST_RUNNING_SCHEDULES = listOf(
  'schedule_list_running',
  `state.status = $5::text AND s.id IN (
        SELECT r.schedule_id FROM schedule_runs r WHERE r.organization_id = $1 AND r.status IN ('queued', 'running'))`,
);

export const GET_SCHEDULE: Statement = {
  name: 'schedule_get',
  text: `${SELECT_SCHEDULE} FROM schedules s ${WITH_STATE} WHERE s.organization_id = $1 AND s.id = $2 AND s.deleted_at IS NULL`,
};

/** $13 says whether the spec changes: only then are the instants of the parameters taken, and a new spec version made. */
export const UPDATE_SCHEDULE: Statement = {
  name: 'schedule_update',
  text: `WITH changed AS (
      UPDATE schedules s SET team_id = COALESCE($3, s.team_id), name = COALESCE($4, s.name), prompt = COALESCE($5, s.prompt),
        cron = COALESCE($6, s.cron), timezone = COALESCE($7, s.timezone), enabled = COALESCE($8, s.enabled),
        timeout_ms = COALESCE($9, s.timeout_ms), overlap = COALESCE($10, s.overlap), catch_up = COALESCE($11, s.catch_up),
        catch_up_window_ms = COALESCE($12, s.catch_up_window_ms),
        next_fire_at = CASE WHEN $13::boolean THEN $14::timestamptz ELSE s.next_fire_at END,
        following_fire_at = CASE WHEN $13::boolean THEN $15::timestamptz ELSE s.following_fire_at END,
        fault = CASE WHEN $13::boolean THEN NULL ELSE s.fault END, fault_since = CASE WHEN $13::boolean THEN NULL ELSE s.fault_since END,
        retry_at = CASE WHEN $13::boolean THEN NULL ELSE s.retry_at END,
        spec_version = s.spec_version + $13::boolean::int, updated_at = now()
      WHERE s.organization_id = $1 AND s.id = $2 AND s.deleted_at IS NULL AND NOT ($13::boolean AND ${IS_DUE}) RETURNING s.*)
    ${READ_CHANGED}`,
};

export const SET_ENABLED: Statement = {
  name: 'schedule_set_enabled',
  text: `WITH changed AS (
      UPDATE schedules s SET enabled = $3, note = $4, note_at = now(), next_fire_at = $5, following_fire_at = $6,
        ${SOUND}, spec_version = s.spec_version + 1, updated_at = now()
      WHERE s.organization_id = $1 AND s.id = $2 AND s.deleted_at IS NULL AND NOT ${IS_DUE} RETURNING s.*)
    ${READ_CHANGED}`,
};

/** Soft: its runs refer to it. It lets go of its team. */
export const DELETE_SCHEDULE: Statement = {
  name: 'schedule_delete',
  text: `WITH changed AS (
      UPDATE schedules s SET deleted_at = now(), enabled = false, team_id = NULL, next_fire_at = NULL, following_fire_at = NULL,
        ${SOUND}, spec_version = s.spec_version + 1, updated_at = now()
      WHERE s.organization_id = $1 AND s.id = $2 AND s.deleted_at IS NULL AND NOT ${IS_DUE} RETURNING s.id)
    SELECT id, pg_notify('${SCHEDULE_CHANGED}', '') FROM changed`,
};
