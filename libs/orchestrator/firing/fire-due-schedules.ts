import type { Clock } from '@crewtab/domain/ports/clock';
import type {
  FiredRun,
  FiredSchedule,
  FireStore,
  PlannedInstants,
  ScheduleFault,
  DueSchedule,
  FirePlan,
  MissReason,
  PlanFault,
  PlannableSchedule,
  PlannedRow,
  SkipReason,
} from '@crewtab/domain/ports/fire-store';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { JobSchedulers, RunQueue } from '@crewtab/domain/ports/run-queue';
import type { RunStore } from '@crewtab/domain/ports/run-store';
import { parseCron, type Cron } from '@crewtab/domain/schedules/cron';
import { isValidTimezone, nextFire } from '@crewtab/domain/schedules/next-fire';
import { decideOverlap } from '@crewtab/domain/schedules/overlap';
import { planFiring, type PlannedOccurrence } from '@crewtab/domain/schedules/plan-firing';
import type { Subscription } from '@crewtab/domain/ports/runtime';

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

/** A due instant that is older than this when it is found counts as late, and the catch-up policy decides, ms. */
export const LATE_AFTER_MS = 60_000;
/** A schedule that cannot be evaluated is tried again so often: the next process may have other zone data, ms. */
export const RETRY_FAULTY_AFTER_MS = 60_000;
/** Due instants of one schedule that are recorded in one transaction. */
const MAX_OCCURRENCES = 500;

interface Spec {
  readonly cron: string;
  readonly timezone: string;
}

/** What becomes of one schedule's due instants: catch-up first, then overlap for those that may fire. Pure. */
export function planDue(due: DueSchedule): FirePlan | PlanFault {
  return evaluate(due, (cron) => {
    const plan = planFiring({
      cron,
      timezone: due.timezone,
      catchUp: due.catchUp,
      catchUpWindowMs: due.catchUpWindowMs,
      nextFireAt: due.nextFireAt,
      now: due.now,
      lateAfterMs: LATE_AFTER_MS,
      maxOccurrences: MAX_OCCURRENCES,
    });
    return { ...planRows(due, plan.occurrences), nextFireAt: plan.nextFireAt, followingFireAt: plan.followingFireAt };
  });
}

/**
 * As `planDue`, for a schedule that is about to be edited, paused or deleted: never a fault, since an edit is what repairs
 * one. Of a schedule that cannot be evaluated only the instant that was computed before is known; it is recorded.
 *
 * @param isEnding paused or deleted: what is late is not caught up with any more
 */
export function planBeforeEdit(due: DueSchedule, isEnding: boolean): FirePlan {
  const plan = planDue(isEnding ? { ...due, catchUp: 'none' } : due);
  if (!('fault' in plan)) return plan;
  const message = `the schedule could not be evaluated from this instant on until it was edited: ${plan.fault}`;
  const row = { scheduledFor: due.nextFireAt, trigger: 'schedule', status: 'missed' } as const;
  return {
    rows: [{ ...row, reason: { code: 'missed', message, ...gapOf(due) } }],
    cancelActive: false,
    nextFireAt: null,
    followingFireAt: null,
  };
}

/** The next two instants of a schedule, computed ahead. Pure. */
export function planInstants(schedule: PlannableSchedule): PlannedInstants | PlanFault {
  return evaluate(schedule, (cron) => {
    const { scheduleId, specVersion, timezone, nextFireAt: basedOn, now } = schedule;
    const nextFireAt = basedOn ?? nextFire(cron, timezone, now);
    return { scheduleId, specVersion, basedOn, nextFireAt, followingFireAt: nextFire(cron, timezone, nextFireAt) };
  });
}

/** Null when this process can tell when the schedule fires. */
export function findFault(spec: Spec, now: Date): PlanFault | null {
  const found = evaluate(spec, (cron) => ({ nextFireAt: nextFire(cron, spec.timezone, now) }));
  return 'fault' in found ? found : null;
}

function planRows(
  due: DueSchedule,
  occurrences: readonly PlannedOccurrence[],
): Pick<FirePlan, 'rows' | 'cancelActive'> {
  let active = due.activeRuns;
  let cancelActive = false;
  let blockedBy: SkipReason['blockedBy'] = due.oldestActiveRunId === null ? null : { runId: due.oldestActiveRunId };
  const rows = occurrences.map((occurrence): PlannedRow => {
    const { scheduledFor, trigger, disposition } = occurrence;
    if (disposition === 'missed') return missedRow(occurrence, due);
    const decision = decideOverlap(due.overlap, active);
    if (decision === 'skip') return skippedRow(occurrence, blockedBy);
    cancelActive ||= decision === 'replace';
    active++;
    blockedBy ??= { scheduledFor };
    return { scheduledFor, trigger, status: 'queued', reason: null };
  });
  return { rows, cancelActive };
}

function missedRow({ scheduledFor, trigger }: PlannedOccurrence, due: DueSchedule): PlannedRow {
  const message = 'no process was there to fire it in time, and the catch-up policy did not ask for it afterwards';
  return { scheduledFor, trigger, status: 'missed', reason: { code: 'missed', message, ...gapOf(due) } };
}

/** A backlog that is planned in pieces is one gap. */
function gapOf({ gapFrom, nextFireAt, now }: DueSchedule): Pick<MissReason, 'from' | 'to'> {
  return { from: gapFrom ?? nextFireAt, to: now };
}

function skippedRow({ scheduledFor, trigger }: PlannedOccurrence, blockedBy: SkipReason['blockedBy']): PlannedRow {
  const message = 'an earlier run of the schedule was still active (overlap policy "skip")';
  return { scheduledFor, trigger, status: 'skipped', reason: { code: 'overlap_skipped', message, blockedBy } };
}

/** The work is pure, so whatever it throws is about this schedule: only it is quarantined. */
function evaluate<T>(spec: Spec, work: (cron: Cron) => T): T | PlanFault {
  const parsed = parseCron(spec.cron);
  if (!parsed.ok) return faultOf(`the cron "${spec.cron}" cannot be read: ${parsed.message}`);
  if (!isValidTimezone(spec.timezone)) return faultOf(`the zone data do not have the time zone "${spec.timezone}"`);
  try {
    return work(parsed.cron);
  } catch (error) {
    return faultOf(error instanceof Error ? error.message : String(error));
  }
}

function faultOf(fault: string): PlanFault {
  return { fault, retryAfterMs: RETRY_FAULTY_AFTER_MS };
}

/** Sleeps are cut to this, so that a clock that was set, or a lost notification, costs at most so long, ms. */
const LONGEST_SLEEP_MS = 30_000;
const AFTER_FAILURE_MS = 1_000;

/**
 * Fires the moment something is due: sleeps until the next due instant by the database's clock, and is re-armed when
 * schedules change. One per scheduler app; several are harmless.
 */
export class FiringTimer {
  private cancelSleep: (() => void) | null = null;
  private subscription: Subscription | null = null;
  private working: Promise<void> | null = null;
  private isStopped = false;
  private isAskedAgain = false;

  constructor(
    private readonly deps: FiringDeps,
    private readonly onFired: (report: FireReport) => void = () => undefined,
  ) {}

  async start(): Promise<void> {
    this.subscription = await this.deps.fires.onScheduleChanged(() => this.poke());
    this.poke();
  }

  /** Looks now what is due; several calls while one is at work are one more look. */
  poke(): void {
    this.look(false);
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.subscription?.close();
    this.cancelSleep?.();
    await this.working;
  }

  /** @param isAwaited the instant slept for has come: fires at once, since asking first would cost a round trip */
  private look(isAwaited: boolean): void {
    if (this.isStopped) return;
    if (this.working) {
      this.isAskedAgain = true;
      return;
    }
    this.cancelSleep?.();
    this.cancelSleep = null;
    this.working = this.work(isAwaited).finally(() => {
      this.working = null;
      if (!this.isAskedAgain) return;
      this.isAskedAgain = false;
      this.poke();
    });
  }

  private async work(isAwaited: boolean): Promise<void> {
    let sleepMs = AFTER_FAILURE_MS;
    let isForInstant = false;
    try {
      const dueInMs = isAwaited ? 0 : await this.deps.fires.msUntilNextDue();
      if (dueInMs !== null && dueInMs <= 0) {
        this.onFired(await fireDueSchedules(this.deps, () => this.isStopped));
        this.isAskedAgain = true;
        return;
      }
      // Whole milliseconds, and not too early: timers cut off fractions.
      sleepMs = Math.ceil(Math.min(dueInMs ?? LONGEST_SLEEP_MS, LONGEST_SLEEP_MS));
      isForInstant = dueInMs !== null && dueInMs <= LONGEST_SLEEP_MS;
    } catch (error) {
      this.deps.logger.error(
        { error: error instanceof Error ? error.message : String(error) },
        'firing failed; trying again',
      );
    }
    if (!this.isStopped) this.cancelSleep = this.deps.clock.after(sleepMs, () => this.look(isForInstant));
  }
}
