import type { RecentRun, ScheduleHistory } from '@crewtab/domain/ports/schedule-history';
import { isId, type Database, type Statement } from '../database/database';

/** Of schedule `s`: where its fired runs stand in one index, and the others in a range of each status of another. */
const newestRunsOf = (columns: string, limit: string): string => `(
      (SELECT ${columns} FROM schedule_runs r WHERE r.schedule_id = s.id AND r.trigger IN ('schedule', 'catchup')
        ORDER BY r.scheduled_for DESC LIMIT ${limit})
      UNION ALL
      (SELECT asked.* FROM unnest(enum_range(NULL::run_status)) AS kept(status)
        CROSS JOIN unnest('{manual,rerun}'::run_trigger[]) AS fired(trigger)
        CROSS JOIN LATERAL (
          SELECT ${columns} FROM schedule_runs r
          WHERE r.schedule_id = s.id AND r.status = kept.status AND r.trigger = fired.trigger
          ORDER BY r.scheduled_for DESC, r.id DESC LIMIT ${limit}) AS asked))`;

const WANTED_SCHEDULES = 'schedules s WHERE s.organization_id = $1 AND s.id = ANY ($2::uuid[])';

const READ_RECENT: Statement = {
  name: 'history_read_recent',
  text: `SELECT recent.* FROM (SELECT s.id FROM ${WANTED_SCHEDULES}) AS s
    CROSS JOIN LATERAL (
      SELECT newest.* FROM ${newestRunsOf('r.schedule_id, r.id, r.status, r.trigger, r.scheduled_for, r.started_at, r.finished_at', '$3')} AS newest
      ORDER BY newest.scheduled_for DESC, newest.id DESC LIMIT $3) AS recent
    ORDER BY recent.scheduled_for DESC, recent.id DESC`,
};

/** How many of the last runs durations are read of. */
const SAMPLE = 100;

const READ_DURATIONS: Statement = {
  name: 'history_read_durations',
  text: `SELECT s.id, lasted.durations FROM (SELECT s.id FROM ${WANTED_SCHEDULES}) AS s
    CROSS JOIN LATERAL (
      SELECT array_agg((extract(epoch FROM last.finished_at - last.started_at) * 1000)::float8 ORDER BY last.finished_at DESC) AS durations
      FROM (
        SELECT r.status, r.started_at, r.finished_at FROM schedule_runs r
        WHERE r.schedule_id = s.id AND r.status IN ('success', 'failed', 'timeout', 'cancelled')
        ORDER BY r.finished_at DESC LIMIT ${SAMPLE}) AS last
      WHERE last.started_at IS NOT NULL AND last.status <> 'cancelled') AS lasted
    WHERE lasted.durations IS NOT NULL`,
};

interface RecentRow {
  readonly schedule_id: string;
  readonly id: string;
  readonly status: RecentRun['status'];
  readonly trigger: RecentRun['trigger'];
  readonly scheduled_for: Date;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
}

export class PrismaScheduleHistory implements ScheduleHistory {
  constructor(private readonly db: Database) {}

  async readRecent(
    organizationId: string,
    scheduleIds: readonly string[],
    limit: number,
  ): Promise<ReadonlyMap<string, readonly RecentRun[]>> {
    const ids = scheduleIds.filter(isId);
    if (ids.length === 0) return new Map();
    const rows = await this.db.query<RecentRow>(READ_RECENT, [organizationId, ids, limit]);
    const found = new Map<string, RecentRun[]>();
    for (const row of rows) {
      const runs = found.get(row.schedule_id) ?? [];
      found.set(row.schedule_id, runs);
      runs.push(toRecentRun(row));
    }
    return found;
  }

  async readDurations(
    organizationId: string,
    scheduleIds: readonly string[],
  ): Promise<ReadonlyMap<string, readonly number[]>> {
    const ids = scheduleIds.filter(isId);
    if (ids.length === 0) return new Map();
    const rows = await this.db.query<{ id: string; durations: number[] }>(READ_DURATIONS, [organizationId, ids]);
    return new Map(rows.map(({ id, durations }) => [id, durations]));
  }
}

function toRecentRun(row: RecentRow): RecentRun {
  const { id, status, trigger, scheduled_for: scheduledFor, started_at: startedAt, finished_at: finishedAt } = row;
  return { id, status, trigger, scheduledFor, startedAt, finishedAt };
}
