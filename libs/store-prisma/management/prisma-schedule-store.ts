import { AppError } from '@crewtab/domain/errors';
import {
  ScheduleDueError,
  ScheduleEditedError,
  type FireInstants,
  type NewSchedule,
  type Page,
  type PageRequest,
  type ScheduleEdit,
  type ScheduleFilter,
  type ScheduleSort,
  type ScheduleStore,
} from '@crewtab/domain/ports/management-store';
import type { PromptFormat, PromptVariables } from '@crewtab/domain/runs/prompt-facts';
import type { VerifySpec } from '@crewtab/domain/runs/verification';
import type { CatchUpPolicy, OverlapPolicy, Schedule, ScheduleStatus } from '@crewtab/domain/schedules/schedule';
import {
  ViolationError,
  type Database,
  type Statement,
  SCHEDULE_CHANGED,
  isId,
  storableJson,
} from '../database/database';
import { decodeCursor, toPage } from './keyset';
import { resetWorkspace } from './prisma-kept-workspaces';

/**
 * Schedule `s` with its status and last run. Both are read from its runs, each by one step into a partial index, and stored
 * nowhere.
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

/** After an edit that changed nothing: does the schedule exist? */
const HAS_SCHEDULE: Statement = {
  name: 'schedule_is_there',
  text: 'SELECT s.revision FROM schedules s WHERE s.organization_id = $1 AND s.id = $2 AND s.deleted_at IS NULL',
};

const SELECT_SCHEDULE = `SELECT s.*, state.status, ${LAST_RUN_OF} AS last_run_at`;
const WITH_STATE = `CROSS JOIN LATERAL (SELECT ${STATUS_OF} AS status) AS state`;

/** Reads the CTE `changed` back, and tells the timers of all processes that a schedule changed. */
const READ_CHANGED = `${SELECT_SCHEDULE}, pg_notify('${SCHEDULE_CHANGED}', '') FROM changed s ${WITH_STATE}`;

/** Inserts nothing when the team is not there, or when the schedule ($14, null: a new one) is. */
const CREATE_SCHEDULE: Statement = {
  name: 'schedule_create',
  text: `WITH changed AS (
      INSERT INTO schedules (organization_id, team_id, name, prompt, cron, timezone, enabled, timeout_ms, overlap, catch_up,
        catch_up_window_ms, next_fire_at, following_fire_at, id, edited_by, allow_empty, allow_open_tool_calls, prompt_format, variables,
        verify, artifacts)
      SELECT t.organization_id, t.id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, COALESCE($14::uuid, crewtab_uuid_v7()), $15::uuid,
        $16, $17, $18, $19::jsonb, $20::jsonb, $21::jsonb
      FROM teams t WHERE t.organization_id = $1 AND t.id = $2 FOR KEY SHARE
      ON CONFLICT DO NOTHING
      RETURNING *)
    ${READ_CHANGED}`,
};

const IS_DELETED: Statement = {
  name: 'schedule_is_deleted',
  text: 'SELECT 1 FROM schedules s WHERE s.organization_id = $1 AND s.id = $2 AND s.deleted_at IS NOT NULL',
};

/** What a list is sorted by before the id. */
const SORT_KEYS = { name: 'lower(s.name)', next: "COALESCE(s.next_fire_at, 'infinity')" } as const;

/** A page goes on behind the schedule $2, wherever that stands by now. */
const listOf = (name: string, sort: ScheduleSort, condition: string): Statement => {
  const order = sort === 'newest' ? 's.id DESC' : `${SORT_KEYS[sort]}, s.id`;
  const isBehind =
    sort === 'newest'
      ? 's.id < $2::uuid'
      : `(${SORT_KEYS[sort]}, s.id) > (
        SELECT ${SORT_KEYS[sort]}, s.id FROM schedules s WHERE s.organization_id = $1 AND s.id = $2::uuid)`;
  return {
    name: `${name}_by_${sort}`,
    text: `${SELECT_SCHEDULE} FROM schedules s ${WITH_STATE}
    WHERE s.organization_id = $1 AND s.deleted_at IS NULL AND ($2::uuid IS NULL OR ${isBehind})
      AND ($3::uuid IS NULL OR s.team_id = $3::uuid) AND ($4::boolean IS NULL OR s.enabled = $4::boolean)
      AND ($7::text IS NULL OR strpos(lower(s.name), lower($7::text)) > 0) AND ${condition}
    ORDER BY ${order} LIMIT $6`,
  };
};

const listsOf = (name: string, condition: string): Readonly<Record<ScheduleSort, Statement>> => ({
  newest: listOf(name, 'newest', condition),
  name: listOf(name, 'name', condition),
  next: listOf(name, 'next', condition),
});

/** $5 is the wanted status, or null for all. */
const LIST_SCHEDULES = listsOf('schedule_list', '($5::text IS NULL OR state.status = $5::text)');

/** For the status `running` alone ($5): among many idle schedules the few are found from their runs. */
const LIST_RUNNING_SCHEDULES = listsOf(
  'schedule_list_running',
  `state.status = $5::text AND s.id IN (
        SELECT r.schedule_id FROM schedule_runs r WHERE r.organization_id = $1 AND r.status IN ('queued', 'running'))`,
);

const GET_SCHEDULE: Statement = {
  name: 'schedule_get',
  text: `${SELECT_SCHEDULE} FROM schedules s ${WITH_STATE} WHERE s.organization_id = $1 AND s.id = $2 AND s.deleted_at IS NULL`,
};

/** $13 says whether the spec changes: only then are the instants of the parameters taken, and a new spec version made. */
const UPDATE_SCHEDULE: Statement = {
  name: 'schedule_update',
  text: `WITH changed AS (
      UPDATE schedules s SET team_id = COALESCE($3, s.team_id), name = COALESCE($4, s.name), prompt = COALESCE($5, s.prompt),
        cron = COALESCE($6, s.cron), timezone = COALESCE($7, s.timezone), enabled = COALESCE($8, s.enabled),
        timeout_ms = COALESCE($9, s.timeout_ms), overlap = COALESCE($10, s.overlap), catch_up = COALESCE($11, s.catch_up),
        catch_up_window_ms = COALESCE($12, s.catch_up_window_ms),
        allow_empty = COALESCE($18, s.allow_empty), allow_open_tool_calls = COALESCE($19, s.allow_open_tool_calls),
        prompt_format = COALESCE($20, s.prompt_format), variables = COALESCE($21::jsonb, s.variables),
        verify = CASE WHEN $22::boolean THEN $23::jsonb ELSE s.verify END,
        artifacts = CASE WHEN $24::boolean THEN $25::jsonb ELSE s.artifacts END,
        next_fire_at = CASE WHEN $13::boolean THEN $14::timestamptz ELSE s.next_fire_at END,
        following_fire_at = CASE WHEN $13::boolean THEN $15::timestamptz ELSE s.following_fire_at END,
        fault = CASE WHEN $13::boolean THEN NULL ELSE s.fault END, fault_since = CASE WHEN $13::boolean THEN NULL ELSE s.fault_since END,
        retry_at = CASE WHEN $13::boolean THEN NULL ELSE s.retry_at END,
        spec_version = s.spec_version + $13::boolean::int, updated_at = now(), edited_by = $16::uuid
      WHERE s.organization_id = $1 AND s.id = $2 AND s.deleted_at IS NULL AND NOT ($13::boolean AND ${IS_DUE})
        AND s.revision = COALESCE($17::int, s.revision) RETURNING s.*)
    ${READ_CHANGED}`,
};

const SET_ENABLED: Statement = {
  name: 'schedule_set_enabled',
  text: `WITH changed AS (
      UPDATE schedules s SET enabled = $3, note = $4, note_at = now(), next_fire_at = $5, following_fire_at = $6,
        ${SOUND}, spec_version = s.spec_version + 1, updated_at = now(), edited_by = $7::uuid
      WHERE s.organization_id = $1 AND s.id = $2 AND s.deleted_at IS NULL AND NOT ${IS_DUE} RETURNING s.*)
    ${READ_CHANGED}`,
};

/** A soft deletion, since its runs refer to it. The reference to its team goes. */
const DELETE_SCHEDULE: Statement = {
  name: 'schedule_delete',
  text: `WITH changed AS (
      UPDATE schedules s SET deleted_at = now(), enabled = false, team_id = NULL, next_fire_at = NULL, following_fire_at = NULL,
        ${SOUND}, spec_version = s.spec_version + 1, updated_at = now()
      WHERE s.organization_id = $1 AND s.id = $2 AND s.deleted_at IS NULL AND NOT ${IS_DUE} RETURNING s.id)
    SELECT id, pg_notify('${SCHEDULE_CHANGED}', '') FROM changed`,
};

interface ScheduleRow {
  readonly id: string;
  readonly organization_id: string;
  readonly team_id: string;
  readonly name: string;
  readonly prompt: string;
  readonly prompt_format: PromptFormat;
  readonly variables: PromptVariables;
  readonly cron: string;
  readonly timezone: string;
  readonly enabled: boolean;
  readonly timeout_ms: string;
  readonly overlap: OverlapPolicy;
  readonly catch_up: CatchUpPolicy;
  readonly catch_up_window_ms: string;
  readonly allow_empty: boolean;
  readonly allow_open_tool_calls: boolean;
  readonly verify: VerifySpec | null;
  readonly artifacts: readonly string[] | null;
  readonly next_fire_at: Date | null;
  readonly fault: string | null;
  readonly fault_since: Date | null;
  readonly revision: number;
  readonly note: string | null;
  readonly note_at: Date | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly status: ScheduleStatus;
  readonly last_run_at: Date | null;
}

export class PrismaScheduleStore implements ScheduleStore {
  constructor(private readonly db: Database) {}

  async createSchedule(
    organizationId: string,
    schedule: NewSchedule,
    { nextFireAt, followingFireAt }: FireInstants,
    id?: string,
    by?: string,
  ): Promise<Schedule | null> {
    if (!isId(schedule.teamId)) return null;
    const values = [
      organizationId,
      ...columnsOf(schedule),
      nextFireAt,
      followingFireAt,
      id ?? null,
      by ?? null,
      schedule.allowEmpty,
      schedule.allowOpenToolCalls,
      schedule.promptFormat,
      storableJson(schedule.variables),
      jsonOrNull(schedule.verify),
      jsonOrNull(schedule.artifacts),
    ];
    const [row] = await this.db.query<ScheduleRow>(CREATE_SCHEDULE, values);
    if (row) return toSchedule(row);
    return id === undefined ? null : this.findMade(organizationId, id);
  }

  async listSchedules(
    organizationId: string,
    filter: ScheduleFilter,
    { limit, cursor }: PageRequest,
  ): Promise<Page<Schedule>> {
    const before = decodeCursor(cursor, 'id');
    const { teamId = null, enabled = null, status = null, name = null, sort = 'newest' } = filter;
    if (teamId !== null && !isId(teamId)) return { items: [], nextCursor: null };
    const values = [organizationId, before?.id ?? null, teamId, enabled, status, limit + 1, name];
    const lists = status === 'running' ? LIST_RUNNING_SCHEDULES : LIST_SCHEDULES;
    const rows = await this.db.query<ScheduleRow>(lists[sort], values);
    return toPage(rows, limit, ({ id }) => ({ id, at: null }), toSchedule);
  }

  async getSchedule(organizationId: string, id: string): Promise<Schedule | null> {
    if (!isId(id)) return null;
    const [row] = await this.db.query<ScheduleRow>(GET_SCHEDULE, [organizationId, id]);
    return row ? toSchedule(row) : null;
  }

  async updateSchedule(
    organizationId: string,
    id: string,
    patch: Partial<NewSchedule>,
    instants: FireInstants | null,
    { by, revision }: ScheduleEdit = {},
  ): Promise<Schedule | null> {
    if (!isId(id)) return null;
    if (patch.teamId !== undefined && !isId(patch.teamId)) throw noSuchTeam(patch.teamId);
    const hasNewSpec = instants !== null;
    const values = [
      organizationId,
      id,
      ...columnsOf(patch),
      hasNewSpec,
      instants?.nextFireAt ?? null,
      instants?.followingFireAt ?? null,
      by ?? null,
      revision ?? null,
      patch.allowEmpty ?? null,
      patch.allowOpenToolCalls ?? null,
      patch.promptFormat ?? null,
      patch.variables === undefined ? null : storableJson(patch.variables),
      // Null is a value of these two: nothing is asked for, nothing is kept.
      patch.verify !== undefined,
      jsonOrNull(patch.verify),
      patch.artifacts !== undefined,
      jsonOrNull(patch.artifacts),
    ];
    try {
      const [row] = await this.db.query<ScheduleRow>(UPDATE_SCHEDULE, values);
      return row ? toSchedule(row) : await this.missing(organizationId, id, revision);
    } catch (error) {
      const isTeamMissing =
        error instanceof ViolationError && error.violation.constraint === 'schedules_organization_id_team_id_fkey';
      throw isTeamMissing ? noSuchTeam(patch.teamId) : error;
    }
  }

  async setEnabled(
    organizationId: string,
    id: string,
    enabled: boolean,
    note: string | null,
    { nextFireAt, followingFireAt }: FireInstants,
    by?: string,
  ): Promise<Schedule | null> {
    if (!isId(id)) return null;
    const values = [organizationId, id, enabled, note, nextFireAt, followingFireAt, by ?? null];
    const [row] = await this.db.query<ScheduleRow>(SET_ENABLED, values);
    return row ? toSchedule(row) : this.missing(organizationId, id);
  }

  resetWorkspace(organizationId: string, id: string): Promise<boolean> {
    return resetWorkspace(this.db, organizationId, id);
  }

  async deleteSchedule(organizationId: string, id: string): Promise<boolean> {
    if (!isId(id)) return false;
    const deleted = await this.db.query(DELETE_SCHEDULE, [organizationId, id]);
    if (deleted.length === 0) await this.missing(organizationId, id);
    return deleted.length > 0;
  }

  /** Nothing was inserted: the schedule exists, or was deleted since, or its team is not there (null). */
  private async findMade(organizationId: string, id: string): Promise<Schedule | null> {
    const made = await this.getSchedule(organizationId, id);
    if (made) return made;
    const deleted = await this.db.query(IS_DELETED, [organizationId, id]);
    if (deleted.length > 0)
      throw new AppError('conflict', 'the schedule that this request made has been deleted since');
    return null;
  }

  /**
   * An edit changed nothing: the schedule is not there (null), is at another revision than the edit is meant for, or has a due
   * instant that must be recorded first.
   */
  private async missing(organizationId: string, id: string, revision?: number): Promise<null> {
    const [row] = await this.db.query<{ revision: number }>(HAS_SCHEDULE, [organizationId, id]);
    if (!row) return null;
    if (revision !== undefined && revision !== row.revision) throw new ScheduleEditedError(id);
    throw new ScheduleDueError(id);
  }
}

/** In the order of the statements' parameters; null where the patch says nothing. */
function columnsOf(schedule: Partial<NewSchedule>): unknown[] {
  const { teamId, name, prompt, cron, timezone, enabled, timeoutMs, overlap, catchUp, catchUpWindowMs } = schedule;
  return [teamId, name, prompt, cron, timezone, enabled, timeoutMs, overlap, catchUp, catchUpWindowMs].map(
    (value) => value ?? null,
  );
}

function jsonOrNull(value: unknown): string | null {
  return value === undefined || value === null ? null : storableJson(value);
}

function toSchedule(row: ScheduleRow): Schedule {
  return {
    id: row.id,
    organizationId: row.organization_id,
    teamId: row.team_id,
    name: row.name,
    prompt: row.prompt,
    promptFormat: row.prompt_format,
    variables: row.variables,
    cron: row.cron,
    timezone: row.timezone,
    enabled: row.enabled,
    timeoutMs: Number(row.timeout_ms),
    overlap: row.overlap,
    catchUp: row.catch_up,
    catchUpWindowMs: Number(row.catch_up_window_ms),
    allowEmpty: row.allow_empty,
    allowOpenToolCalls: row.allow_open_tool_calls,
    verify: row.verify,
    artifacts: row.artifacts,
    status: row.status,
    lastRunAt: row.last_run_at,
    nextRunAt: row.next_fire_at,
    fault: row.fault !== null && row.fault_since ? { message: row.fault, since: row.fault_since } : null,
    revision: row.revision,
    note: row.note !== null && row.note_at ? { text: row.note, at: row.note_at } : null,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function noSuchTeam(id: string | undefined): AppError {
  return new AppError('not_found', `teamId: there is no team ${id ?? ''}`);
}
