import type { ErrorCode } from '@crewtab/domain/errors';
import type { Page, PageRequest } from '@crewtab/domain/ports/management-store';
import type {
  LaneRuns,
  LaneWindow,
  LedgerRow,
  RecentRun,
  ScheduleHistory,
  ScheduleRevision,
} from '@crewtab/domain/ports/schedule-history';
import type { SpecChange } from '@crewtab/domain/schedules/paused-spans';
import type { QuarterCount } from '@crewtab/domain/schedules/week-hours';
import { isId, type Database, type Statement } from '../database/database';
import { decodeCursor, toPage } from './keyset';
import type { PromptRecord } from '@crewtab/domain/runs/prompt-facts';
import { PROMPT_RECORD_OF_SCHEDULE, toPromptRecord, type PromptRow } from '../runs/prompt-record';

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

/** The unique index of fired instants is in this order. */
const READ_LEDGER: Statement = {
  name: 'history_read_ledger',
  text: `SELECT r.schedule_id, r.id, r.status, r.trigger, r.scheduled_for, r.started_at, r.finished_at, r.queued_at, r.error_code, r.error_message,
      r.blocked_by, r.gap_from, r.gap_to
    FROM schedule_runs r
    WHERE r.schedule_id = (SELECT s.id FROM schedules s WHERE s.organization_id = $1 AND s.id = $2)
      AND r.trigger IN ('schedule', 'catchup') AND r.scheduled_for < $3
    ORDER BY r.scheduled_for DESC LIMIT $4`,
};

const READ_SPEC_CHANGES: Statement = {
  name: 'history_read_spec_changes',
  text: `SELECT s.id, change.* FROM (SELECT s.id FROM ${WANTED_SCHEDULES}) AS s
    CROSS JOIN LATERAL (
      SELECT v.at, (v.fields ->> 'enabled')::boolean AS enabled, v.fields ->> 'cron' AS cron, v.fields ->> 'timezone' AS timezone, v.note
      FROM schedule_revisions v
      WHERE v.schedule_id = s.id AND (v.changed && '{enabled,cron,timezone}' OR v.revision = 1)
      ORDER BY v.revision DESC LIMIT 200) AS change
    ORDER BY change.at`,
};

const READ_REVISIONS: Statement = {
  name: 'history_read_revisions',
  text: `SELECT v.revision, v.kind, v.changed, v.fields, v.note, v.at, v.edited_by, k.name AS editor
    FROM schedule_revisions v LEFT JOIN api_keys k ON k.id = v.edited_by
    WHERE v.organization_id = $1 AND v.schedule_id = $2 AND v.revision < COALESCE($4::int, 2147483647)
    ORDER BY v.revision DESC LIMIT $3`,
};

/** Of schedule `s`, in [$3, $4): as `newestRunsOf`, by a range of one index each. */
const dueRunsOf = (columns: string): string => `(
      (SELECT ${columns} FROM schedule_runs r WHERE r.schedule_id = s.id AND r.trigger IN ('schedule', 'catchup')
        AND r.scheduled_for >= $3 AND r.scheduled_for < $4)
      UNION ALL
      (SELECT asked.* FROM unnest(enum_range(NULL::run_status)) AS kept(status)
        CROSS JOIN unnest('{manual,rerun}'::run_trigger[]) AS fired(trigger)
        CROSS JOIN LATERAL (
          SELECT ${columns} FROM schedule_runs r
          WHERE r.schedule_id = s.id AND r.status = kept.status AND r.trigger = fired.trigger
            AND r.scheduled_for >= $3 AND r.scheduled_for < $4) AS asked))`;

/** $5 at most of each schedule: those that have as many are read again as columns. */
const READ_LANE_RUNS: Statement = {
  name: 'history_read_lane_runs',
  text: `SELECT due.* FROM (SELECT s.id FROM ${WANTED_SCHEDULES}) AS s
    CROSS JOIN LATERAL (
      SELECT one.* FROM ${dueRunsOf('r.schedule_id, r.id, r.status, r.trigger, r.scheduled_for, r.started_at, r.finished_at')} AS one
      LIMIT $5) AS due
    ORDER BY due.scheduled_for, due.id`,
};

const READ_LANE_COLUMNS: Statement = {
  name: 'history_read_lane_columns',
  text: `SELECT s.id, due.* FROM (SELECT s.id FROM ${WANTED_SCHEDULES}) AS s
    CROSS JOIN LATERAL (
      SELECT floor(extract(epoch FROM one.scheduled_for - $3::timestamptz) * 1000 / $5::float8)::int AS column, one.status, count(*)::int AS count
      FROM ${dueRunsOf('r.status, r.scheduled_for')} AS one GROUP BY 1, 2) AS due
    ORDER BY due.column`,
};

/** The index of all lists has all that it reads. */
const COUNT_BY_QUARTER: Statement = {
  name: 'history_count_by_quarter',
  text: `SELECT date_bin('15 minutes', r.scheduled_for, '2000-01-01Z') AS at, r.status, count(*)::int AS count
    FROM unnest(enum_range(NULL::run_status)) AS kept(status) CROSS JOIN unnest(enum_range(NULL::run_trigger)) AS fired(trigger)
    JOIN schedule_runs r ON r.organization_id = $1 AND r.status = kept.status AND r.trigger = fired.trigger
      AND r.scheduled_for >= $2 AND r.scheduled_for < $3
    GROUP BY 1, 2`,
};

interface RevisionRow {
  readonly revision: number;
  readonly kind: ScheduleRevision['kind'];
  readonly changed: ScheduleRevision['changed'];
  readonly fields: ScheduleRevision['fields'];
  readonly note: string | null;
  readonly at: Date;
  readonly edited_by: string | null;
  readonly editor: string | null;
}

interface ColumnRow {
  readonly id: string;
  readonly column: number;
  readonly status: RecentRun['status'];
  readonly count: number;
}

interface LedgerRecord extends RecentRow {
  readonly queued_at: Date;
  readonly error_code: ErrorCode | null;
  readonly error_message: string | null;
  readonly blocked_by: string | null;
  readonly gap_from: Date | null;
  readonly gap_to: Date | null;
}

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

  async readPromptRecord(organizationId: string, scheduleId: string, scheduledFor: Date): Promise<PromptRecord | null> {
    if (!isId(scheduleId)) return null;
    const values = [organizationId, scheduleId, scheduledFor];
    const [row] = await this.db.query<PromptRow>(PROMPT_RECORD_OF_SCHEDULE, values);
    return row ? toPromptRecord(row) : null;
  }

  async readRecent(
    organizationId: string,
    scheduleIds: readonly string[],
    limit: number,
  ): Promise<ReadonlyMap<string, readonly RecentRun[]>> {
    const ids = scheduleIds.filter(isId);
    if (ids.length === 0) return new Map();
    const rows = await this.db.query<RecentRow>(READ_RECENT, [organizationId, ids, limit]);
    return groupById(rows, (row) => row.schedule_id, toRecentRun);
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

  async readLedger(
    organizationId: string,
    scheduleId: string,
    { limit, cursor }: PageRequest,
  ): Promise<Page<LedgerRow>> {
    const before = decodeCursor(cursor, 'instant');
    if (!isId(scheduleId)) return { items: [], nextCursor: null };
    const values = [organizationId, scheduleId, before?.at ?? 'infinity', limit + 1];
    const rows = await this.db.query<LedgerRecord>(READ_LEDGER, values);
    return toPage(rows, limit, ({ id, scheduled_for: at }) => ({ id, at }), toLedgerRow);
  }

  async readSpecChanges(
    organizationId: string,
    scheduleIds: readonly string[],
  ): Promise<ReadonlyMap<string, readonly SpecChange[]>> {
    const ids = scheduleIds.filter(isId);
    if (ids.length === 0) return new Map();
    const rows = await this.db.query<SpecChange & { id: string }>(READ_SPEC_CHANGES, [organizationId, ids]);
    return groupById(
      rows,
      ({ id }) => id,
      ({ id: _, ...change }) => change,
    );
  }

  async readLanes(
    organizationId: string,
    scheduleIds: readonly string[],
    { from, to, maxRuns, columnMs }: LaneWindow,
  ): Promise<ReadonlyMap<string, LaneRuns>> {
    const ids = scheduleIds.filter(isId);
    if (ids.length === 0) return new Map();
    const rows = await this.db.query<RecentRow>(READ_LANE_RUNS, [organizationId, ids, from, to, maxRuns + 1]);
    const lanes = new Map<string, LaneRuns>();
    const crowded: string[] = [];
    for (const [id, runs] of groupById(rows, (row) => row.schedule_id, toRecentRun))
      if (runs.length > maxRuns) crowded.push(id);
      else lanes.set(id, { runs });
    if (crowded.length === 0) return lanes;
    const values = [organizationId, crowded, from, to, columnMs];
    const counted = await this.db.query<ColumnRow>(READ_LANE_COLUMNS, values);
    const byId = groupById(
      counted,
      ({ id }) => id,
      ({ id: _, ...column }) => column,
    );
    for (const [id, columns] of byId) lanes.set(id, { columns });
    return lanes;
  }

  countByQuarter(organizationId: string, from: Date, to: Date): Promise<readonly QuarterCount[]> {
    return this.db.query<QuarterCount>(COUNT_BY_QUARTER, [organizationId, from, to]);
  }

  async readRevisions(
    organizationId: string,
    scheduleId: string,
    limit: number,
    before?: number,
  ): Promise<readonly ScheduleRevision[]> {
    if (!isId(scheduleId)) return [];
    const values = [organizationId, scheduleId, limit, before ?? null];
    return (await this.db.query<RevisionRow>(READ_REVISIONS, values)).map(toRevision);
  }
}

function groupById<Row, T>(
  rows: readonly Row[],
  idOf: (row: Row) => string,
  toItem: (row: Row) => T,
): ReadonlyMap<string, readonly T[]> {
  const found = new Map<string, T[]>();
  for (const row of rows) {
    const items = found.get(idOf(row)) ?? [];
    found.set(idOf(row), items);
    items.push(toItem(row));
  }
  return found;
}

function toLedgerRow(row: LedgerRecord): LedgerRow {
  const { error_code: code, error_message: message, gap_from: from, gap_to: to } = row;
  const didNotRun = row.status === 'skipped' || row.status === 'missed';
  return {
    run: toRecentRun(row),
    recordedAt: row.queued_at,
    reason: didNotRun && code !== null ? { code, message: message ?? '' } : null,
    blockedBy: row.blocked_by,
    gap: from && to ? { from, to } : null,
  };
}

function toRevision({ edited_by: keyId, editor, ...revision }: RevisionRow): ScheduleRevision {
  return { ...revision, by: keyId === null ? null : { keyId, name: editor ?? '' } };
}

function toRecentRun(row: RecentRow): RecentRun {
  const { id, status, trigger, scheduled_for: scheduledFor, started_at: startedAt, finished_at: finishedAt } = row;
  return { id, status, trigger, scheduledFor, startedAt, finishedAt };
}
