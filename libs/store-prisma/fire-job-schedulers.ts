import type { ClockSpec } from '@crewtab/domain/ports/fire-store';
import type { Database, Statement } from './database';

interface ClockRow {
  readonly id: string;
  readonly spec_version: number;
  /** Enabled, and not quarantined. */
  readonly is_live: boolean;
  readonly cron: string;
  readonly timezone: string;
}

const UNSYNCED: Statement = {
  name: 'clocks_unsynced',
  text: `SELECT id, spec_version, enabled AND fault IS NULL AS is_live, cron, timezone FROM schedules WHERE clock_version <> spec_version ORDER BY id LIMIT $1`,
};

/** Never back: an answer of a slow writer must not hide a newer spec. */
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

export async function findUnsyncedJobSchedulers(db: Database, limit: number): Promise<ClockSpec[]> {
  return (await db.query<ClockRow>(UNSYNCED, [limit])).map(toClockSpec);
}

export async function markJobSchedulersSynced(
  db: Database,
  synced: readonly { scheduleId: string; specVersion: number }[],
): Promise<void> {
  if (synced.length === 0) return;
  await db.query(MARK_SYNCED, [
    synced.map(({ scheduleId }) => scheduleId),
    synced.map(({ specVersion }) => specVersion),
  ]);
}

export async function countEnabled(db: Database): Promise<number> {
  const [row] = await db.query<{ enabled: number }>(COUNT_ENABLED);
  return row?.enabled ?? 0;
}

export async function listEnabledJobSchedulers(
  db: Database,
  afterId: string | null,
  limit: number,
): Promise<ClockSpec[]> {
  return (await db.query<ClockRow>(LIST_ENABLED, [afterId, limit])).map(toClockSpec);
}

function toClockSpec({ id, spec_version: specVersion, is_live: isLive, cron, timezone }: ClockRow): ClockSpec {
  return { scheduleId: id, specVersion, clock: isLive ? { cron, timezone } : null };
}
