import type {
  DueSchedule,
  FiredRun,
  FirePlan,
  PlannableSchedule,
  PlannedInstants,
  PlannedRow,
} from '@crewtab/domain/ports/fire-store';
import { parseCron, type Cron } from '@crewtab/domain/schedules/cron';
import { nextFire } from '@crewtab/domain/schedules/next-fire';
import { decideOverlap } from '@crewtab/domain/schedules/overlap';
import { planFiring, type PlannedOccurrence } from '@crewtab/domain/schedules/plan-firing';
import type { FiringDeps } from './firing-deps';

/** A due instant that is older than this when it is found counts as late, and the catch-up policy decides, ms. */
export const LATE_AFTER_MS = 60_000;
/** Schedules claimed by one statement of the hot path. */
const BATCH = 2_000;
/** Due instants of one schedule that are recorded in one transaction. */
const MAX_OCCURRENCES = 500;
/** Schedules whose instants are computed ahead in one round. */
const PLAN_BATCH = 500;

export interface FireReport {
  readonly fired: number;
  readonly skipped: number;
  readonly missed: number;
}

/**
 * Records every due instant as a run row and wakes the workers. Whoever wakes first calls it; calling it twice, or from
 * many processes at once, does nothing more: the database decides. A crash after the commit leaves queued rows which
 * the sweeper offers again; a crash before it leaves the schedules due.
 */
export async function fireDueSchedules(deps: FiringDeps): Promise<FireReport> {
  let fired = await firePunctual(deps);
  let skipped = 0;
  let missed = 0;
  for (let one = await deps.fires.fireOne(planDue); one; one = await deps.fires.fireOne(planDue)) {
    await offer(deps, one.queued);
    fired += one.queued.length;
    skipped += one.skipped;
    missed += one.missed;
    if (one.missed > 0)
      deps.logger.warn({ scheduleId: one.scheduleId, missed: one.missed }, 'recorded missed occurrences');
  }
  await planAhead(deps);
  return { fired, skipped, missed };
}

async function firePunctual(deps: FiringDeps): Promise<number> {
  for (let fired = 0; ;) {
    const batch = await deps.fires.firePunctual({ lateAfterMs: LATE_AFTER_MS, limit: BATCH });
    fired += batch.fired.length;
    await offer(deps, batch.fired);
    if (!batch.hasMore) return fired;
  }
}

/** Redis only wakes: when it does not answer, the rows wait for the sweeper. */
async function offer(deps: FiringDeps, runs: readonly FiredRun[]): Promise<void> {
  if (runs.length === 0) return;
  deps.onFired?.(runs);
  try {
    await deps.queue.offerRuns(runs.map((run) => run.runId));
  } catch (error) {
    deps.logger.warn(
      { runs: runs.length, error: String(error) },
      'fired, but Redis did not take the wake-ups; the sweeper offers them again',
    );
  }
}

/** Computes the instants that the hot path will need, outside of it. */
export async function planAhead(deps: Pick<FiringDeps, 'fires'>): Promise<void> {
  for (;;) {
    const schedules = await deps.fires.findUnplanned(PLAN_BATCH);
    if (schedules.length > 0) await deps.fires.savePlanned(schedules.map(planInstants));
    if (schedules.length < PLAN_BATCH) return;
  }
}

function planInstants(schedule: PlannableSchedule): PlannedInstants {
  const cron = cronOf(schedule);
  const nextFireAt = schedule.nextFireAt ?? nextFire(cron, schedule.timezone, schedule.now);
  return {
    scheduleId: schedule.scheduleId,
    specVersion: schedule.specVersion,
    basedOn: schedule.nextFireAt,
    nextFireAt,
    followingFireAt: nextFire(cron, schedule.timezone, nextFireAt),
  };
}

/** What becomes of one schedule's due instants: catch-up first, then overlap for those that may fire. Pure. */
export function planDue(due: DueSchedule): FirePlan {
  const plan = planFiring({
    cron: cronOf(due),
    timezone: due.timezone,
    catchUp: due.catchUp,
    catchUpWindowMs: due.catchUpWindowMs,
    nextFireAt: due.nextFireAt,
    now: due.now,
    lateAfterMs: LATE_AFTER_MS,
    maxOccurrences: MAX_OCCURRENCES,
  });
  let active = due.activeRuns;
  let cancelActive = false;
  const rows = plan.occurrences.map((occurrence): PlannedRow => {
    if (occurrence.disposition === 'missed') return missedRow(occurrence);
    const decision = decideOverlap(due.overlap, active);
    if (decision === 'skip') return skippedRow(occurrence);
    cancelActive ||= decision === 'replace';
    active++;
    return { scheduledFor: occurrence.scheduledFor, trigger: occurrence.trigger, status: 'queued', reason: null };
  });
  return { rows, cancelActive, nextFireAt: plan.nextFireAt, followingFireAt: plan.followingFireAt };
}

function missedRow({ scheduledFor, trigger }: PlannedOccurrence): PlannedRow {
  const message = 'nobody was there to fire it in time, and the catch-up policy did not ask for it afterwards';
  return { scheduledFor, trigger, status: 'missed', reason: { code: 'missed', message } };
}

function skippedRow({ scheduledFor, trigger }: PlannedOccurrence): PlannedRow {
  const message = 'an earlier run of the schedule was still active (overlap policy "skip")';
  return { scheduledFor, trigger, status: 'skipped', reason: { code: 'overlap_skipped', message } };
}

function cronOf(schedule: { readonly scheduleId: string; readonly cron: string }): Cron {
  const parsed = parseCron(schedule.cron);
  if (!parsed.ok) throw new Error(`schedule ${schedule.scheduleId} has a cron that cannot be read: ${parsed.message}`);
  return parsed.cron;
}
