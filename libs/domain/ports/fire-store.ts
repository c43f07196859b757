import type { CatchUpPolicy, OverlapPolicy } from '../schedules/schedule';
import type { RunTrigger } from '../runs/run';
import type { Subscription } from './runtime';

/**
 * Firing. `next_fire_at` is the next due instant, `following_fire_at` the one after it, computed ahead so that the hot
 * path is one statement without any cron in it.
 */
export interface FireStore {
  /**
   * The hot path, one transaction: claims (FOR UPDATE SKIP LOCKED) every enabled schedule with exactly one due instant
   * that is not late (`next_fire_at` within `lateAfterMs`, `following_fire_at` known and not yet due) and overlap
   * `allow`, inserts its run, moves next_fire_at on to following_fire_at and empties that. Calling it twice does
   * nothing. At most `limit` schedules; `hasMore` asks for another call.
   */
  firePunctual(options: {
    readonly lateAfterMs: number;
    readonly limit: number;
  }): Promise<{ readonly fired: FiredRun[]; readonly hasMore: boolean }>;

  /**
   * The general path, one transaction per schedule: locks one due schedule that the hot path leaves alone (late,
   * several instants due, following unknown, other overlap policies), asks `plan` what to do with its due instants,
   * inserts a row for each (queued, skipped or missed), requests cancels for `replace`, and moves the instants on.
   * Skips schedules locked by others. Null when none is due. Punctual ones come before late ones, so that a backlog
   * holds up no other.
   *
   * Where `plan` finds a fault, the schedule is quarantined instead: nothing else of it changes, the fault is kept with it,
   * and it is left alone until `retryAfterMs` have passed or its spec was edited. The first plan, and `savePlanned`, take
   * the fault away.
   */
  fireOne(plan: FirePlanner, options?: FireOneOptions): Promise<FiredSchedule | null>;

  /** Enabled schedules whose next or following instant must be computed (after the hot path, a create or an edit), unless quarantined. */
  findUnplanned(limit: number): Promise<PlannableSchedule[]>;

  /** Sets schedules aside whose instants could not be computed, where the spec is still what it was; see `fireOne`. */
  quarantine(faults: readonly ScheduleFault[]): Promise<void>;

  /** Stores computed instants where spec and next_fire_at are still what they were computed from. */
  savePlanned(plans: readonly PlannedInstants[]): Promise<void>;

  /**
   * Milliseconds, by the database's clock, until the next due instant of all enabled schedules (≤ 0: due now) that are
   * not quarantined; null without any.
   */
  msUntilNextDue(): Promise<number | null>;

  /** Called after edits commit, so that timers re-arm (hint). */
  onScheduleChanged(listener: () => void): Promise<Subscription>;

  /** Schedules whose job scheduler is out of step with their spec (created, edited, paused, deleted, quarantined since). */
  findUnsyncedJobSchedulers(limit: number): Promise<ClockSpec[]>;
  /** Notes that the clocks for these spec versions were set or removed. */
  markJobSchedulersSynced(
    synced: readonly { readonly scheduleId: string; readonly specVersion: number }[],
  ): Promise<void>;
  /** Enabled schedules that are not quarantined, for comparing with what Redis holds. */
  countEnabled(): Promise<number>;
  /** Pages through the clock specs of those, by id. */
  listEnabledJobSchedulers(afterId: string | null, limit: number): Promise<ClockSpec[]>;
  /** Runs `work` only if no other process does so right now (an advisory lock named `name`); false when it was taken. */
  withSingleWriter(name: string, work: () => Promise<void>): Promise<boolean>;
}

export interface FiredRun {
  readonly runId: string;
  readonly scheduleId: string;
  readonly scheduledFor: Date;
}

export interface DueSchedule {
  readonly scheduleId: string;
  readonly cron: string;
  readonly timezone: string;
  readonly overlap: OverlapPolicy;
  readonly catchUp: CatchUpPolicy;
  readonly catchUpWindowMs: number;
  readonly nextFireAt: Date;
  /** The database's clock. */
  readonly now: Date;
  /** Runs of the schedule that are queued or running. */
  readonly activeRuns: number;
  /** The oldest of them. */
  readonly oldestActiveRunId: string | null;
  /** Where instants up to here were missed already, and the gap covers `nextFireAt`: where it began. */
  readonly gapFrom: Date | null;
}

export type FirePlanner = (due: DueSchedule) => FirePlan | PlanFault;

export interface FireOneOptions {
  /** These wait: they have had their turn. */
  readonly except?: readonly string[];
  /** Only this one, also while it is quarantined; waits for the process that holds its row. */
  readonly only?: string;
}

/** The schedule cannot be evaluated here: its cron cannot be read, or this process's zone data do not have its zone. */
export interface PlanFault {
  readonly fault: string;
  /** When to try again; an edit of the spec comes first. */
  readonly retryAfterMs: number;
}

export interface ScheduleFault extends PlanFault {
  readonly scheduleId: string;
  readonly specVersion: number;
}

export interface FirePlan {
  readonly rows: readonly PlannedRow[];
  /** Ask the active runs of the schedule to end (overlap `replace`). */
  readonly cancelActive: boolean;
  /** Null: unknown from here on. Still due where there were more instants than one plan may hold. */
  readonly nextFireAt: Date | null;
  readonly followingFireAt: Date | null;
}

export interface PlannedRow {
  readonly scheduledFor: Date;
  readonly trigger: RunTrigger;
  readonly status: 'queued' | 'skipped' | 'missed';
  /** Null exactly for `queued`. */
  readonly reason: SkipReason | MissReason | null;
}

export interface SkipReason {
  readonly code: 'overlap_skipped';
  readonly message: string;
  /** The run in its way; an instant means the run that the same plan queues for it. Null: not known. */
  readonly blockedBy: { readonly runId: string } | { readonly scheduledFor: Date } | null;
}

export interface MissReason {
  readonly code: 'missed';
  readonly message: string;
  /** From the first instant that no scheduler fired in time until this was noticed. */
  readonly from: Date;
  readonly to: Date;
}

export interface FiredSchedule {
  readonly scheduleId: string;
  readonly queued: readonly FiredRun[];
  readonly skipped: number;
  readonly missed: number;
  /** It is still due: its backlog is longer than one plan. */
  readonly hasMore: boolean;
  /** Why it was quarantined; null where it was not. */
  readonly fault: string | null;
}

export interface PlannableSchedule {
  readonly scheduleId: string;
  readonly specVersion: number;
  readonly cron: string;
  readonly timezone: string;
  /** Null where even the next one is unknown. */
  readonly nextFireAt: Date | null;
  readonly now: Date;
}

export interface PlannedInstants {
  readonly scheduleId: string;
  readonly specVersion: number;
  /** The next_fire_at that the plan was computed from. */
  readonly basedOn: Date | null;
  readonly nextFireAt: Date;
  readonly followingFireAt: Date;
}

export interface ClockSpec {
  readonly scheduleId: string;
  readonly specVersion: number;
  /** Null: the clock must go (paused, deleted or quarantined). */
  readonly clock: { readonly cron: string; readonly timezone: string } | null;
}
