import type { Clock } from '@crewtab/domain/ports/clock';
import type {
  FiredRun,
  FiredSchedule,
  FireStore,
  PlannedInstants,
  ScheduleFault,
} from '@crewtab/domain/ports/fire-store';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { JobSchedulers, RunQueue } from '@crewtab/domain/ports/run-queue';
import type { RunStore } from '@crewtab/domain/ports/run-store';
import { LATE_AFTER_MS, planBeforeEdit, planDue, planInstants } from './plan-due';

/** What firing stands on. */
export interface FiringDeps {
  readonly fires: FireStore;
  readonly runs: Pick<RunStore, 'findAbandoned' | 'findOfferable'>;
  readonly queue: RunQueue;
  readonly jobSchedulers: JobSchedulers;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Schedules claimed by one statement of the hot path. */
const BATCH = 2_000;
/** Schedules whose instants are computed ahead at once. */
const PLAN_BATCH = 500;
/** While a backlog is recorded, what becomes due meanwhile is looked for so often, ms. */
const PUNCTUAL_EVERY_MS = 250;

export interface FireReport {
  readonly fired: number;
  readonly skipped: number;
  readonly missed: number;
}

/**
 * Records every due instant as a run row and wakes the workers. Timer, tick and sweeper call it; calling it twice, or from
 * many processes at once, does nothing more: the database decides. A crash after the commit leaves queued rows which
 * the sweeper offers again; a crash before it leaves the schedules due.
 *
 * Schedules with a backlog take turns, one bounded transaction each, and what becomes due meanwhile goes before them: an
 * outage of a month of a schedule that fires every minute delays no other.
 *
 * @param isStopped asked between transactions: the rest of a backlog is left to others, or to the next start
 */
export async function fireDueSchedules(deps: FiringDeps, isStopped = (): boolean => false): Promise<FireReport> {
  const report = { fired: await firePunctual(deps), skipped: 0, missed: 0 };
  let lookedAtMs = deps.clock.monotonicMs();
  const hadTurn: string[] = [];
  while (!isStopped()) {
    if (deps.clock.monotonicMs() - lookedAtMs >= PUNCTUAL_EVERY_MS) {
      await planAhead(deps);
      report.fired += await firePunctual(deps);
      lookedAtMs = deps.clock.monotonicMs();
    }
    const one = await deps.fires.fireOne(planDue, { except: hadTurn });
    if (!one && hadTurn.length === 0) break;
    if (!one) hadTurn.length = 0;
    else {
      if (one.hasMore) hadTurn.push(one.scheduleId);
      await note(deps, one);
      report.fired += one.queued.length;
      report.skipped += one.skipped;
      report.missed += one.missed;
    }
  }
  await planAhead(deps);
  return report;
}

/**
 * Records the due instants of one schedule, so that it can be edited without losing them. Waits for the process that is firing
 * it. Every call records a part; false: there are more.
 *
 * @param isEnding it is about to be paused or deleted: what is late is not caught up with any more
 */
export async function fireBeforeEdit(deps: FiringDeps, scheduleId: string, isEnding: boolean): Promise<boolean> {
  const one = await deps.fires.fireOne((due) => planBeforeEdit(due, isEnding), { only: scheduleId });
  if (one) await note(deps, one);
  return !one?.hasMore;
}

async function note(deps: FiringDeps, { scheduleId, queued, missed, fault }: FiredSchedule): Promise<void> {
  await offer(deps, queued);
  if (missed > 0) deps.logger.warn({ scheduleId, missed }, 'recorded missed occurrences');
  if (fault !== null) logFault(deps, scheduleId, fault);
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
  try {
    await deps.queue.offerRuns(runs.map((run) => run.runId));
  } catch (error) {
    deps.logger.warn(
      { runs: runs.length, error: String(error) },
      'fired, but Redis did not take the wake-ups; the sweeper offers them again',
    );
  }
}

/** Computes the instants that the hot path will need, outside of it; sets aside what cannot be computed. */
export async function planAhead(deps: Pick<FiringDeps, 'fires' | 'logger'>): Promise<void> {
  for (;;) {
    const schedules = await deps.fires.findUnplanned(PLAN_BATCH);
    const plans: PlannedInstants[] = [];
    const faults: ScheduleFault[] = [];
    for (const schedule of schedules) {
      const plan = planInstants(schedule);
      if ('fault' in plan) faults.push({ ...plan, scheduleId: schedule.scheduleId, specVersion: schedule.specVersion });
      else plans.push(plan);
    }
    if (plans.length > 0) await deps.fires.savePlanned(plans);
    await quarantine(deps, faults);
    if (schedules.length < PLAN_BATCH) return;
  }
}

/** Keeps schedules that cannot be evaluated out of everybody's way, and says so. */
export async function quarantine(
  deps: Pick<FiringDeps, 'fires' | 'logger'>,
  faults: readonly ScheduleFault[],
): Promise<void> {
  if (faults.length === 0) return;
  await deps.fires.quarantine(faults);
  for (const { scheduleId, fault } of faults) logFault(deps, scheduleId, fault);
}

function logFault({ logger }: Pick<FiringDeps, 'logger'>, scheduleId: string, fault: string): void {
  logger.error(
    { scheduleId, fault },
    'a schedule cannot be evaluated and does not fire: edit its cron or time zone, or run a Node.js whose zone data know it; it is tried again every minute',
  );
}
