import type { ClockSpec, FireStore } from '@crewtab/domain/ports/fire-store';
import { type Database, type Statement, SCHEDULE_CHANGED, type Notifications } from '../database/database';
import { withSingleWriter } from '../database/single-writer';

/** Schedule `s` is not set aside, or it is time to try it again. */
export const IS_TRIED = '(s.retry_at IS NULL OR s.retry_at <= now())';

/** Removes the fault of schedule `s`; its Job Scheduler is set anew then. */
export const SOUND = `fault = NULL, fault_since = NULL, retry_at = NULL,
      clock_version = CASE WHEN s.fault IS NULL THEN s.clock_version ELSE 0 END`;

/** Removes its Job Scheduler too: BullMQ would fail on the same cron. */
export const SET_ASIDE: Statement = {
  name: 'fire_set_aside',
  text: `UPDATE schedules s SET fault = f.fault, fault_since = COALESCE(s.fault_since, now()),
      retry_at = now() + f.retry_after_ms * interval '1 millisecond',
      clock_version = CASE WHEN s.fault IS NULL THEN 0 ELSE s.clock_version END
    FROM unnest($1::uuid[], $2::int[], $3::text[], $4::float8[]) AS f(schedule_id, spec_version, fault, retry_after_ms)
    WHERE s.id = f.schedule_id AND s.enabled AND s.spec_version = COALESCE(f.spec_version, s.spec_version)`,
};

const FIND_UNPLANNED: Statement = {
  name: 'fire_find_unplanned',
  text: `SELECT s.id, s.spec_version, s.cron, s.timezone, s.next_fire_at, now()::timestamptz(3) AS now
    FROM schedules s WHERE s.enabled AND s.following_fire_at IS NULL AND ${IS_TRIED} ORDER BY s.id LIMIT $1`,
};

/** Answers whether a next instant appeared where none was, which timers must hear of. */
const SAVE_PLANNED: Statement = {
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

const MS_UNTIL_NEXT_DUE: Statement = {
  name: 'fire_ms_until_next_due',
  text: `SELECT (extract(epoch FROM next_fire_at - clock_timestamp()) * 1000)::float8 AS ms
    FROM schedules s WHERE s.enabled AND s.next_fire_at IS NOT NULL AND ${IS_TRIED} ORDER BY s.next_fire_at LIMIT 1`,
};

interface PlannableRow {
  readonly id: string;
  readonly spec_version: number;
  readonly cron: string;
  readonly timezone: string;
  readonly next_fire_at: Date | null;
  readonly now: Date;
}

const UNSYNCED: Statement = {
  name: 'clocks_unsynced',
  text: `SELECT id, spec_version, enabled AND fault IS NULL AS is_live, cron, timezone FROM schedules WHERE clock_version <> spec_version ORDER BY id LIMIT $1`,
};

/** Never lowers a version: the late answer of a slow writer must not hide a newer spec. */
const MARK_SYNCED: Statement = {
  name: 'clocks_mark_synced',
  text: `UPDATE schedules s SET clock_version = synced.spec_version
    FROM unnest($1::uuid[], $2::int[]) AS synced(schedule_id, spec_version)
    WHERE s.id = synced.schedule_id AND s.clock_version < synced.spec_version`,
};

const COUNT_ENABLED: Statement = {
  name: 'clocks_count_enabled',
  text: 'SELECT count(*)::int AS enabled FROM schedules WHERE enabled AND fault IS NULL',
};

const LIST_ENABLED: Statement = {
  name: 'clocks_list_enabled',
  text: `SELECT id, spec_version, enabled AND fault IS NULL AS is_live, cron, timezone FROM schedules
    WHERE enabled AND fault IS NULL AND ($1::uuid IS NULL OR id > $1::uuid) ORDER BY id LIMIT $2`,
};

interface ClockRow {
  readonly id: string;
  readonly spec_version: number;
  /** Enabled, and not quarantined. */
  readonly is_live: boolean;
  readonly cron: string;
  readonly timezone: string;
}

type PlannedSchedules = Pick<
  FireStore,
  'quarantine' | 'findUnplanned' | 'savePlanned' | 'msUntilNextDue' | 'onScheduleChanged'
>;

/** The instants of schedules, computed ahead of the firing; a schedule whose cron has a fault is set aside. */
export function plannedSchedules(db: Database, notifications: Notifications): PlannedSchedules {
  return {
    async quarantine(faults) {
      if (faults.length === 0) return;
      await db.query(SET_ASIDE, [
        faults.map((fault) => fault.scheduleId),
        faults.map((fault) => fault.specVersion),
        faults.map((fault) => fault.fault),
        faults.map((fault) => fault.retryAfterMs),
      ]);
    },

    async findUnplanned(limit) {
      const rows = await db.query<PlannableRow>(FIND_UNPLANNED, [limit]);
      return rows.map((row) => ({
        scheduleId: row.id,
        specVersion: row.spec_version,
        cron: row.cron,
        timezone: row.timezone,
        nextFireAt: row.next_fire_at,
        now: row.now,
      }));
    },

    async savePlanned(plans) {
      if (plans.length === 0) return;
      await db.query(SAVE_PLANNED, [
        plans.map((plan) => plan.scheduleId),
        plans.map((plan) => plan.specVersion),
        plans.map((plan) => plan.basedOn),
        plans.map((plan) => plan.nextFireAt),
        plans.map((plan) => plan.followingFireAt),
      ]);
    },

    async msUntilNextDue() {
      const [row] = await db.query<{ ms: number }>(MS_UNTIL_NEXT_DUE);
      return row?.ms ?? null;
    },

    onScheduleChanged: (listener) => notifications.subscribe(SCHEDULE_CHANGED, () => listener()),
  };
}

type JobSchedulers = Pick<
  FireStore,
  | 'findUnsyncedJobSchedulers'
  | 'markJobSchedulersSynced'
  | 'countEnabled'
  | 'listEnabledJobSchedulers'
  | 'withSingleWriter'
>;

/** Which Job Schedulers Redis should have, and for which of them it has the newest spec. */
export function jobSchedulers(db: Database): JobSchedulers {
  return {
    async findUnsyncedJobSchedulers(limit) {
      return (await db.query<ClockRow>(UNSYNCED, [limit])).map(toClockSpec);
    },

    async markJobSchedulersSynced(synced) {
      if (synced.length === 0) return;
      await db.query(MARK_SYNCED, [
        synced.map(({ scheduleId }) => scheduleId),
        synced.map(({ specVersion }) => specVersion),
      ]);
    },

    async countEnabled() {
      const [row] = await db.query<{ enabled: number }>(COUNT_ENABLED);
      return row?.enabled ?? 0;
    },

    async listEnabledJobSchedulers(afterId, limit) {
      return (await db.query<ClockRow>(LIST_ENABLED, [afterId, limit])).map(toClockSpec);
    },

    withSingleWriter: (name, work) => withSingleWriter(db, name, work),
  };
}

function toClockSpec({ id, spec_version: specVersion, is_live: isLive, cron, timezone }: ClockRow): ClockSpec {
  return { scheduleId: id, specVersion, clock: isLive ? { cron, timezone } : null };
}
