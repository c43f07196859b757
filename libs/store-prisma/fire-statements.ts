import type { Statement } from './database';
import { TEAM_AGENTS_JSON } from './stored-agents';

/**
 * The hot path in one statement. `due` locks, `moved` moves on, `fired` inserts; a row that is there already (an edit
 * moved the schedule back) is not inserted twice. Plans are built once per team, not per schedule. A schedule that was
 * given a team which is younger than this statement's snapshot stays due, and fires with the next call.
 */
export const FIRE_PUNCTUAL: Statement = {
  name: 'fire_punctual',
  text: `WITH due AS MATERIALIZED (
      SELECT s.id, s.organization_id, s.team_id, s.prompt, s.timeout_ms, s.next_fire_at, s.following_fire_at
      FROM schedules s
      WHERE s.enabled AND s.overlap = 'allow' AND s.next_fire_at <= now() AND s.following_fire_at > now()
        AND s.next_fire_at >= now() - $1 * interval '1 millisecond'
      ORDER BY s.next_fire_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED),
    plans AS MATERIALIZED (
      SELECT t.id, t.name, t.network, ${TEAM_AGENTS_JSON} AS agents
      FROM teams t WHERE t.id IN (SELECT team_id FROM due)),
    moved AS (
      UPDATE schedules s SET next_fire_at = due.following_fire_at, following_fire_at = NULL
      FROM due JOIN plans ON plans.id = due.team_id WHERE s.id = due.id),
    fired AS (
      INSERT INTO schedule_runs (organization_id, schedule_id, team_id, trigger, scheduled_for, team_name, network, prompt, timeout_ms,
        agents, exclusive)
      SELECT due.organization_id, due.id, due.team_id, 'schedule', due.next_fire_at, plans.name, plans.network, due.prompt,
        due.timeout_ms, plans.agents, false
      FROM due JOIN plans ON plans.id = due.team_id
      ON CONFLICT (schedule_id, scheduled_for) WHERE trigger IN ('schedule', 'catchup') DO NOTHING
      RETURNING id, schedule_id, scheduled_for)
    SELECT counted.due_count, fired.id, fired.schedule_id, fired.scheduled_for
    FROM (SELECT count(*)::int AS due_count FROM due) AS counted LEFT JOIN fired ON true`,
};

const DUE_COLUMNS = `s.id, s.cron, s.timezone, s.overlap, s.catch_up, s.catch_up_window_ms, s.next_fire_at, now()::timestamptz(3) AS now`;

/** Nobody has set schedule `s` aside, or it is time to try again. */
const IS_TRIED = '(s.retry_at IS NULL OR s.retry_at <= now())';

/** An instant that is older than this is somebody's backlog, which waits for those that are due right now. */
const RECENT = `now() - interval '1 minute'`;

const lockOneDue = (name: string, condition: string): Statement => ({
  name,
  text: `SELECT ${DUE_COLUMNS} FROM schedules s
    WHERE s.enabled AND s.next_fire_at <= now() AND ${condition} AND ${IS_TRIED} AND NOT s.id = ANY ($1::uuid[])
    ORDER BY s.next_fire_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED`,
});

/** The oldest due schedule that nobody else is firing: first of those that are due just now, then of the late ones. */
export const LOCK_ONE_PUNCTUAL = lockOneDue('fire_lock_one_punctual', `s.next_fire_at >= ${RECENT}`);
export const LOCK_ONE_LATE = lockOneDue('fire_lock_one_late', `s.next_fire_at < ${RECENT}`);

/** Waits for whoever holds it, and sees what they did. */
export const LOCK_THIS_DUE: Statement = {
  name: 'fire_lock_this_due',
  text: `SELECT ${DUE_COLUMNS} FROM schedules s WHERE s.id = $1 AND s.enabled AND s.next_fire_at <= now() FOR NO KEY UPDATE`,
};

/** Asked after the lock, so that it sees what those committed who held it before. */
export const COUNT_ACTIVE: Statement = {
  name: 'fire_count_active',
  text: `SELECT count(*)::int AS active FROM schedule_runs WHERE schedule_id = $1 AND status IN ('queued', 'running')`,
};

/** Rows of one schedule, as its team is now; those that are there already are left as they are. */
export const INSERT_PLANNED: Statement = {
  name: 'fire_insert_planned',
  text: `INSERT INTO schedule_runs (organization_id, schedule_id, team_id, trigger, scheduled_for, status, phase, finished_at, error_code,
      error_message, team_name, network, prompt, timeout_ms, agents, exclusive)
    SELECT s.organization_id, s.id, s.team_id, planned.trigger, planned.scheduled_for, planned.status,
      CASE WHEN planned.status = 'queued' THEN 'queued' ELSE 'finished' END::run_phase,
      CASE WHEN planned.status = 'queued' THEN NULL ELSE now() END, planned.error_code, planned.error_message,
      t.name, t.network, s.prompt, s.timeout_ms, ${TEAM_AGENTS_JSON}, s.overlap <> 'allow'
    FROM schedules s JOIN teams t ON t.id = s.team_id
    CROSS JOIN unnest($2::timestamptz[], $3::run_trigger[], $4::run_status[], $5::text[], $6::text[])
      AS planned(scheduled_for, trigger, status, error_code, error_message)
    WHERE s.id = $1
    ORDER BY planned.scheduled_for
    ON CONFLICT (schedule_id, scheduled_for) WHERE trigger IN ('schedule', 'catchup') DO NOTHING
    RETURNING id, scheduled_for, status`,
};

/** Takes a fault of schedule `s` away; its job scheduler is set anew then. */
const SOUND = `fault = NULL, fault_since = NULL, retry_at = NULL,
      clock_version = CASE WHEN s.fault IS NULL THEN s.clock_version ELSE 0 END`;

export const MOVE_ON: Statement = {
  name: 'fire_move_on',
  text: `UPDATE schedules s SET next_fire_at = $2::timestamptz, following_fire_at = $3, ${SOUND}
    WHERE s.id = $1 RETURNING COALESCE($2::timestamptz <= now(), false) AS has_more`,
};

/** Its job scheduler goes too: a cron that cannot be read would end Redis's as well. */
export const SET_ASIDE: Statement = {
  name: 'fire_set_aside',
  text: `UPDATE schedules s SET fault = f.fault, fault_since = COALESCE(s.fault_since, now()),
      retry_at = now() + f.retry_after_ms * interval '1 millisecond',
      clock_version = CASE WHEN s.fault IS NULL THEN 0 ELSE s.clock_version END
    FROM unnest($1::uuid[], $2::int[], $3::text[], $4::float8[]) AS f(schedule_id, spec_version, fault, retry_after_ms)
    WHERE s.id = f.schedule_id AND s.enabled AND s.spec_version = COALESCE(f.spec_version, s.spec_version)`,
};

export const FIND_UNPLANNED: Statement = {
  name: 'fire_find_unplanned',
  text: `SELECT s.id, s.spec_version, s.cron, s.timezone, s.next_fire_at, now()::timestamptz(3) AS now
    FROM schedules s WHERE s.enabled AND s.following_fire_at IS NULL AND ${IS_TRIED} ORDER BY s.id LIMIT $1`,
};

/** Answers whether a next instant appeared where none was, which timers must hear of. */
export const SAVE_PLANNED: Statement = {
  name: 'fire_save_planned',
  text: `WITH saved AS (
      UPDATE schedules s SET next_fire_at = plan.next_fire_at, following_fire_at = plan.following_fire_at, ${SOUND}
      FROM unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[])
        AS plan(schedule_id, spec_version, based_on, next_fire_at, following_fire_at)
      WHERE s.id = plan.schedule_id AND s.enabled AND s.spec_version = plan.spec_version
        AND s.next_fire_at IS NOT DISTINCT FROM plan.based_on
      RETURNING plan.based_on)
    SELECT pg_notify('crewtab_schedule_changed', '') FROM (SELECT 1 FROM saved WHERE based_on IS NULL LIMIT 1) AS first`,
};

export const MS_UNTIL_NEXT_DUE: Statement = {
  name: 'fire_ms_until_next_due',
  text: `SELECT (extract(epoch FROM next_fire_at - clock_timestamp()) * 1000)::float8 AS ms
    FROM schedules s WHERE s.enabled AND s.next_fire_at IS NOT NULL AND ${IS_TRIED} ORDER BY s.next_fire_at LIMIT 1`,
};
