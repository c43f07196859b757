import type {
  DueSchedule,
  FiredSchedule,
  FireOneOptions,
  FirePlan,
  FirePlanner,
  PlanFault,
  PlannedRow,
} from '@crewtab/domain/ports/fire-store';
import { replaceActive } from './cancel-runs';
import type { Database, Session } from './database';
import {
  COUNT_ACTIVE,
  INSERT_PLANNED,
  LOCK_ONE_LATE,
  LOCK_ONE_PUNCTUAL,
  LOCK_THIS_DUE,
  MOVE_ON,
  SET_ASIDE,
} from './fire-statements';

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
export function fireOne(
  db: Database,
  plan: FirePlanner,
  { except = [], only }: FireOneOptions = {},
): Promise<FiredSchedule | null> {
  return db.transaction(async (session) => {
    const due = only === undefined ? await lockOneDue(session, except) : await lockThisDue(session, only);
    if (!due) return null;
    const planned = plan(await toDueSchedule(session, due));
    return 'fault' in planned ? quarantine(session, due.id, planned) : record(session, due.id, planned);
  });
}

async function lockOneDue(session: Session, except: readonly string[]): Promise<DueRow | undefined> {
  const [punctual] = await session.query<DueRow>(LOCK_ONE_PUNCTUAL, [except]);
  if (punctual) return punctual;
  const [late] = await session.query<DueRow>(LOCK_ONE_LATE, [except]);
  return late;
}

async function lockThisDue(session: Session, scheduleId: string): Promise<DueRow | undefined> {
  const [due] = await session.query<DueRow>(LOCK_THIS_DUE, [scheduleId]);
  return due;
}

async function record(
  session: Session,
  scheduleId: string,
  { rows, cancelActive, nextFireAt, followingFireAt }: FirePlan,
): Promise<FiredSchedule> {
  if (cancelActive) await replaceActive(session, scheduleId);
  const inserted = await insertPlanned(session, scheduleId, rows);
  const [moved] = await session.query<{ has_more: boolean }>(MOVE_ON, [scheduleId, nextFireAt, followingFireAt]);
  const queued = inserted.filter(({ status }) => status === 'queued');
  return {
    scheduleId,
    queued: queued.map((row) => ({ runId: row.id, scheduleId, scheduledFor: row.scheduled_for })),
    skipped: inserted.filter(({ status }) => status === 'skipped').length,
    missed: inserted.filter(({ status }) => status === 'missed').length,
    hasMore: moved?.has_more ?? false,
    fault: null,
  };
}

async function quarantine(session: Session, scheduleId: string, fault: PlanFault): Promise<FiredSchedule> {
  await session.query(SET_ASIDE, [[scheduleId], [null], [fault.fault], [fault.retryAfterMs]]);
  return { scheduleId, queued: [], skipped: 0, missed: 0, hasMore: false, fault: fault.fault };
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
