import type {
  DueSchedule,
  FiredSchedule,
  FirePlan,
  FireStore,
  PlanFault,
  PlannedRow,
  SkipReason,
} from '@crewtab/domain/ports/fire-store';
import type { Database, Session, Statement } from '../database/database';
import type { RunChanges } from '../events/run-events';
import { PLANNED, plannedOf, TEAM_AGENTS_JSON } from '../runs/run-row';
import { COUNT_ACTIVE, replaceActive } from '../runs/cancel-runs';
import { IS_TRIED, SET_ASIDE, SOUND } from './plan-schedules';

/**
 * The hot path in one statement. `due` locks, `moved` moves on, `fired` inserts; a row that is there already (an edit
 * moved the schedule back) is not inserted twice. Plans are built once per team, not per schedule. A schedule whose new team
 * is younger than this statement's snapshot stays due, and fires with the next call.
 */
const FIRE_PUNCTUAL: Statement = {
  name: 'fire_punctual',
  text: `WITH due AS MATERIALIZED (
      SELECT s.id, s.organization_id, s.team_id, s.prompt, s.timeout_ms, ${plannedOf('s')}, s.next_fire_at, s.following_fire_at
      FROM schedules s
      WHERE s.enabled AND s.overlap = 'allow' AND s.next_fire_at <= now() AND s.following_fire_at > now()
        AND s.next_fire_at >= now() - $1 * interval '1 millisecond'
      ORDER BY s.next_fire_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED),
    plans AS MATERIALIZED (
      SELECT t.id, t.name, t.network, t.network_hosts, t.workspace, ${TEAM_AGENTS_JSON} AS agents
      FROM teams t WHERE t.id IN (SELECT team_id FROM due)),
    moved AS (
      UPDATE schedules s SET next_fire_at = due.following_fire_at, following_fire_at = NULL
      FROM due JOIN plans ON plans.id = due.team_id WHERE s.id = due.id),
    fired AS (
      INSERT INTO schedule_runs (organization_id, schedule_id, team_id, trigger, scheduled_for, team_name, network, network_hosts,
        workspace, prompt, timeout_ms, ${PLANNED}, agents, exclusive)
      SELECT due.organization_id, due.id, due.team_id, 'schedule', due.next_fire_at, plans.name, plans.network,
        plans.network_hosts, plans.workspace, due.prompt, due.timeout_ms, ${plannedOf('due')}, plans.agents, false
      FROM due JOIN plans ON plans.id = due.team_id
      ON CONFLICT (schedule_id, scheduled_for) WHERE trigger IN ('schedule', 'catchup') DO NOTHING
      RETURNING id, schedule_id, scheduled_for)
    SELECT counted.due_count, fired.id, fired.schedule_id, fired.scheduled_for
    FROM (SELECT count(*)::int AS due_count FROM due) AS counted LEFT JOIN fired ON true`,
};

const DUE_COLUMNS = `s.id, s.cron, s.timezone, s.overlap, s.catch_up, s.catch_up_window_ms, s.next_fire_at, now()::timestamptz(3) AS now`;

/** An older instant belongs to a backlog, which waits for the schedules that are due right now. */
const RECENT = `now() - interval '1 minute'`;

const lockOneOf = (name: string, condition: string): Statement => ({
  name,
  text: `SELECT ${DUE_COLUMNS} FROM schedules s
    WHERE s.enabled AND s.next_fire_at <= now() AND ${condition} AND ${IS_TRIED} AND NOT s.id = ANY ($1::uuid[])
    ORDER BY s.next_fire_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED`,
});

/** The oldest due schedule that no other process is firing: first of those that are due just now, then of the late ones. */
const LOCK_ONE_PUNCTUAL = lockOneOf('fire_lock_one_punctual', `s.next_fire_at >= ${RECENT}`);
const LOCK_ONE_LATE = lockOneOf('fire_lock_one_late', `s.next_fire_at < ${RECENT}`);

/** Waits for a transaction that holds the schedule, and sees what it did. */
const LOCK_THIS_DUE: Statement = {
  name: 'fire_lock_this_due',
  text: `SELECT ${DUE_COLUMNS} FROM schedules s WHERE s.id = $1 AND s.enabled AND s.next_fire_at <= now() FOR NO KEY UPDATE`,
};

/** Where the instant before $2 was missed, and the gap that it was missed in covers $2: where that gap began. */
const FIND_GAP: Statement = {
  name: 'fire_find_gap',
  text: `SELECT last.gap_from FROM (
      SELECT r.gap_from, r.gap_to FROM schedule_runs r
      WHERE r.schedule_id = $1 AND r.trigger IN ('schedule', 'catchup') AND r.scheduled_for < $2
      ORDER BY r.scheduled_for DESC LIMIT 1) AS last
    WHERE last.gap_to >= $2`,
};

/**
 * Inserts rows of one schedule, with its team as it is now. Rows that are there already stay as they are. `blocked_at` is
 * the instant whose run is in the way; that run must be there before this statement.
 */
const INSERT_PLANNED: Statement = {
  name: 'fire_insert_planned',
  text: `INSERT INTO schedule_runs (organization_id, schedule_id, team_id, trigger, scheduled_for, status, phase, finished_at, error_code,
      error_message, blocked_by, gap_from, gap_to, team_name, network, network_hosts, workspace, prompt, timeout_ms, ${PLANNED}, agents, exclusive)
    SELECT s.organization_id, s.id, s.team_id, planned.trigger, planned.scheduled_for, planned.status,
      CASE WHEN planned.status = 'queued' THEN 'queued' ELSE 'finished' END::run_phase,
      CASE WHEN planned.status = 'queued' THEN NULL ELSE now() END, planned.error_code, planned.error_message,
      COALESCE(planned.blocked_by, (SELECT b.id FROM schedule_runs b WHERE b.schedule_id = s.id
        AND b.scheduled_for = planned.blocked_at AND b.trigger IN ('schedule', 'catchup'))), planned.gap_from, planned.gap_to,
      t.name, t.network, t.network_hosts, t.workspace, s.prompt, s.timeout_ms, ${plannedOf('s')}, ${TEAM_AGENTS_JSON}, s.overlap <> 'allow'
    FROM schedules s JOIN teams t ON t.id = s.team_id
    CROSS JOIN unnest($2::timestamptz[], $3::run_trigger[], $4::run_status[], $5::text[], $6::text[], $7::uuid[],
        $8::timestamptz[], $9::timestamptz[], $10::timestamptz[])
      AS planned(scheduled_for, trigger, status, error_code, error_message, blocked_by, blocked_at, gap_from, gap_to)
    WHERE s.id = $1
    ORDER BY planned.scheduled_for
    ON CONFLICT (schedule_id, scheduled_for) WHERE trigger IN ('schedule', 'catchup') DO NOTHING
    RETURNING id, scheduled_for, status`,
};

const MOVE_ON: Statement = {
  name: 'fire_move_on',
  text: `UPDATE schedules s SET next_fire_at = $2::timestamptz, following_fire_at = $3, ${SOUND}
    WHERE s.id = $1 RETURNING COALESCE($2::timestamptz <= now(), false) AS has_more`,
};

/** Instants that are younger are not missed. */
const LATE_MS = 60_000;

interface FiredRow {
  readonly due_count: number;
  /** Null in the only row of an answer without fired runs. */
  readonly id: string | null;
  readonly schedule_id: string;
  readonly scheduled_for: Date;
}

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

/** Records due instants as runs. Each call is one transaction; a second call finds nothing left to do. */
export function dueSchedules(
  db: Database,
  changes: Pick<RunChanges, 'touch'>,
): Pick<FireStore, 'firePunctual' | 'fireOne'> {
  return {
    async firePunctual({ lateAfterMs, limit }) {
      const rows = await db.query<FiredRow>(FIRE_PUNCTUAL, [lateAfterMs, limit]);
      const fired = rows.flatMap((row) =>
        row.id === null ? [] : { runId: row.id, scheduleId: row.schedule_id, scheduledFor: row.scheduled_for },
      );
      if (fired.length > 0) changes.touch();
      return { fired, hasMore: (rows[0]?.due_count ?? 0) >= limit };
    },

    /** The general path of firing: one due schedule, in one transaction that holds its row. */
    async fireOne(plan, { except = [], only } = {}) {
      const fired = await db.transaction(async (session) => {
        const due = only === undefined ? await lockOneDue(session, except) : await lockThisDue(session, only);
        if (!due) return null;
        const planned = plan(await toDueSchedule(session, due));
        return 'fault' in planned ? quarantine(session, due.id, planned) : record(session, due.id, planned);
      });
      if (fired) changes.touch();
      return fired;
    },
  };
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
  const [counted] = await session.query<{ active: number; oldest_id: string | null }>(COUNT_ACTIVE, [due.id]);
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
    oldestActiveRunId: counted?.oldest_id ?? null,
    gapFrom: await findGap(session, due),
  };
}

async function insertPlanned(
  session: Session,
  scheduleId: string,
  rows: readonly PlannedRow[],
): Promise<InsertedRow[]> {
  const first = rows.filter((row) => blockingInstant(row) === null);
  const blocked = rows.filter((row) => blockingInstant(row) !== null);
  return [...(await insertRows(session, scheduleId, first)), ...(await insertRows(session, scheduleId, blocked))];
}

async function insertRows(session: Session, scheduleId: string, rows: readonly PlannedRow[]): Promise<InsertedRow[]> {
  if (rows.length === 0) return [];
  const gaps = rows.map(({ reason }) => (reason?.code === 'missed' ? reason : null));
  return session.query<InsertedRow>(INSERT_PLANNED, [
    scheduleId,
    rows.map((row) => row.scheduledFor),
    rows.map((row) => row.trigger),
    rows.map((row) => row.status),
    rows.map((row) => row.reason?.code ?? null),
    rows.map((row) => row.reason?.message ?? null),
    rows.map((row) => blockingRun(row)),
    rows.map((row) => blockingInstant(row)),
    gaps.map((gap) => gap?.from ?? null),
    gaps.map((gap) => gap?.to ?? null),
  ]);
}

function blockerOf({ reason }: PlannedRow): SkipReason['blockedBy'] {
  return reason?.code === 'overlap_skipped' ? reason.blockedBy : null;
}

function blockingRun(row: PlannedRow): string | null {
  const blocker = blockerOf(row);
  return blocker && 'runId' in blocker ? blocker.runId : null;
}

/** Of a run that the same plan makes, whose id is not known yet. */
function blockingInstant(row: PlannedRow): Date | null {
  const blocker = blockerOf(row);
  return blocker && 'scheduledFor' in blocker ? blocker.scheduledFor : null;
}

/** Only the rest of a backlog that was too long for one plan continues a gap. */
async function findGap(session: Session, { id, next_fire_at: nextFireAt, now }: DueRow): Promise<Date | null> {
  if (now.getTime() - nextFireAt.getTime() < LATE_MS) return null;
  const [gap] = await session.query<{ gap_from: Date }>(FIND_GAP, [id, nextFireAt]);
  return gap?.gap_from ?? null;
}
