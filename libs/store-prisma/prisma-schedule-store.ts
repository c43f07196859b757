import { AppError } from '@crewtab/domain/errors';
import {
  ScheduleDueError,
  type FireInstants,
  type NewSchedule,
  type Page,
  type PageRequest,
  type ScheduleFilter,
  type ScheduleStore,
} from '@crewtab/domain/ports/management-store';
import type { CatchUpPolicy, OverlapPolicy, Schedule, ScheduleStatus } from '@crewtab/domain/schedules/schedule';
import { ViolationError, type Database } from './database';
import { decodeCursor, toPage } from './keyset';
import {
  CREATE_SCHEDULE,
  DELETE_SCHEDULE,
  GET_SCHEDULE,
  HAS_SCHEDULE,
  IS_DELETED,
  LIST_RUNNING_SCHEDULES,
  LIST_SCHEDULES,
  SET_ENABLED,
  UPDATE_SCHEDULE,
} from './schedule-statements';
import { isId } from './text';

interface ScheduleRow {
  readonly id: string;
  readonly organization_id: string;
  readonly team_id: string;
  readonly name: string;
  readonly prompt: string;
  readonly cron: string;
  readonly timezone: string;
  readonly enabled: boolean;
  readonly timeout_ms: string;
  readonly overlap: OverlapPolicy;
  readonly catch_up: CatchUpPolicy;
  readonly catch_up_window_ms: string;
  readonly next_fire_at: Date | null;
  readonly fault: string | null;
  readonly fault_since: Date | null;
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
  ): Promise<Schedule | null> {
    if (!isId(schedule.teamId)) return null;
    const values = [organizationId, ...columnsOf(schedule), nextFireAt, followingFireAt, id ?? null];
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
    const { teamId = null, enabled = null, status = null } = filter;
    if (teamId !== null && !isId(teamId)) return { items: [], nextCursor: null };
    const values = [organizationId, before?.id ?? null, teamId, enabled, status, limit + 1];
    const rows = await this.db.query<ScheduleRow>(
      status === 'running' ? LIST_RUNNING_SCHEDULES : LIST_SCHEDULES,
      values,
    );
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
    ];
    try {
      const [row] = await this.db.query<ScheduleRow>(UPDATE_SCHEDULE, values);
      return row ? toSchedule(row) : await this.missing(organizationId, id);
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
  ): Promise<Schedule | null> {
    if (!isId(id)) return null;
    const [row] = await this.db.query<ScheduleRow>(SET_ENABLED, [
      organizationId,
      id,
      enabled,
      note,
      nextFireAt,
      followingFireAt,
    ]);
    return row ? toSchedule(row) : this.missing(organizationId, id);
  }

  async deleteSchedule(organizationId: string, id: string): Promise<boolean> {
    if (!isId(id)) return false;
    const deleted = await this.db.query(DELETE_SCHEDULE, [organizationId, id]);
    if (deleted.length === 0) await this.missing(organizationId, id);
    return deleted.length > 0;
  }

  /** Nothing was inserted: it is there already, or was, or its team is not there (null). */
  private async findMade(organizationId: string, id: string): Promise<Schedule | null> {
    const made = await this.getSchedule(organizationId, id);
    if (made) return made;
    const deleted = await this.db.query(IS_DELETED, [organizationId, id]);
    if (deleted.length > 0)
      throw new AppError('conflict', 'the schedule that this request made has been deleted since');
    return null;
  }

  /** An edit changed nothing: the schedule is not there (null), or has a due instant that must be recorded first. */
  private async missing(organizationId: string, id: string): Promise<null> {
    const rows = await this.db.query(HAS_SCHEDULE, [organizationId, id]);
    if (rows.length > 0) throw new ScheduleDueError(id);
    return null;
  }
}

/** In the order of the statements' parameters; null where the patch says nothing. */
function columnsOf(schedule: Partial<NewSchedule>): unknown[] {
  const { teamId, name, prompt, cron, timezone, enabled, timeoutMs, overlap, catchUp, catchUpWindowMs } = schedule;
  return [teamId, name, prompt, cron, timezone, enabled, timeoutMs, overlap, catchUp, catchUpWindowMs].map(
    (value) => value ?? null,
  );
}

function toSchedule(row: ScheduleRow): Schedule {
  return {
    id: row.id,
    organizationId: row.organization_id,
    teamId: row.team_id,
    name: row.name,
    prompt: row.prompt,
    cron: row.cron,
    timezone: row.timezone,
    enabled: row.enabled,
    timeoutMs: Number(row.timeout_ms),
    overlap: row.overlap,
    catchUp: row.catch_up,
    catchUpWindowMs: Number(row.catch_up_window_ms),
    status: row.status,
    lastRunAt: row.last_run_at,
    nextRunAt: row.next_fire_at,
    fault: row.fault !== null && row.fault_since ? { message: row.fault, since: row.fault_since } : null,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function noSuchTeam(id: string | undefined): AppError {
  return new AppError('not_found', `teamId: there is no team ${id ?? ''}`);
}
