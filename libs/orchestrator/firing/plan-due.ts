import type {
  DueSchedule,
  FirePlan,
  MissReason,
  PlanFault,
  PlannableSchedule,
  PlannedInstants,
  PlannedRow,
  SkipReason,
} from '@crewtab/domain/ports/fire-store';
import { parseCron, type Cron } from '@crewtab/domain/schedules/cron';
import { isValidTimezone, nextFire } from '@crewtab/domain/schedules/next-fire';
import { decideOverlap } from '@crewtab/domain/schedules/overlap';
import { planFiring, type PlannedOccurrence } from '@crewtab/domain/schedules/plan-firing';

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
