import type { DueSchedule, FiredSchedule, FirePlanner, PlannedRow } from '@crewtab/domain/ports/fire-store';
import { replaceActive } from './cancel-runs';
import type { Database, Session } from './database';
import { COUNT_ACTIVE, INSERT_PLANNED, LOCK_ONE_DUE, MOVE_ON } from './fire-statements';

interface DueRow {
  readonly id: string;
  readonly cron: string;
  readonly timezone: string;
  readonly overlap: DueSchedule['overlap'];
  readonly catch_up: DueSchedule['catchUp'];
  readonly catch_up_window_ms: string;
  readonly next_fire_at: Date;
  readonly now: Date;
}

interface InsertedRow {
  readonly id: string;
  readonly scheduled_for: Date;
  readonly status: PlannedRow['status'];
}

/** The general path of firing: one due schedule, in one transaction that holds its row. */
export function fireOne(db: Database, plan: FirePlanner): Promise<FiredSchedule | null> {
  return db.transaction(async (session) => {
    const [due] = await session.query<DueRow>(LOCK_ONE_DUE);
    if (!due) return null;
    const { rows, cancelActive, nextFireAt, followingFireAt } = plan(await toDueSchedule(session, due));
    if (cancelActive) await replaceActive(session, due.id);
    const inserted = await insertPlanned(session, due.id, rows);
    await session.query(MOVE_ON, [due.id, nextFireAt, followingFireAt]);
    const queued = inserted.filter(({ status }) => status === 'queued');
    return {
      scheduleId: due.id,
      queued: queued.map((row) => ({ runId: row.id, scheduleId: due.id, scheduledFor: row.scheduled_for })),
      skipped: inserted.filter(({ status }) => status === 'skipped').length,
      missed: inserted.filter(({ status }) => status === 'missed').length,
    };
  }, 'postgres.fire-one.commit');
}

async function toDueSchedule(session: Session, due: DueRow): Promise<DueSchedule> {
  const [counted] = await session.query<{ active: number }>(COUNT_ACTIVE, [due.id]);
  return {
    scheduleId: due.id,
    cron: due.cron,
    timezone: due.timezone,
    overlap: due.overlap,
    catchUp: due.catch_up,
    catchUpWindowMs: Number(due.catch_up_window_ms),
    nextFireAt: due.next_fire_at,
    now: due.now,
    activeRuns: counted?.active ?? 0,
  };
}

async function insertPlanned(
  session: Session,
  scheduleId: string,
  rows: readonly PlannedRow[],
): Promise<InsertedRow[]> {
  if (rows.length === 0) return [];
  return session.query<InsertedRow>(INSERT_PLANNED, [
    scheduleId,
    rows.map((row) => row.scheduledFor),
    rows.map((row) => row.trigger),
    rows.map((row) => row.status),
    rows.map((row) => row.reason?.code ?? null),
    rows.map((row) => row.reason?.message ?? null),
  ]);
}
