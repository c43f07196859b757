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
   * Skips schedules locked by others. Null when none is due.
   */
  fireOne(plan: FirePlanner): Promise<FiredSchedule | null>;

  /** Enabled schedules whose next or following instant must be computed (after the hot path, a create or an edit). */
  findUnplanned(limit: number): Promise<PlannableSchedule[]>;

  /** Stores computed instants where spec and next_fire_at are still what they were computed from. */
  savePlanned(plans: readonly PlannedInstants[]): Promise<void>;

  /** Milliseconds, by the database's clock, until the next due instant of all enabled schedules (≤ 0: due now); null without any. */
  msUntilNextDue(): Promise<number | null>;

  /** Called after edits commit, so that timers re-arm (hint). */
  onScheduleChanged(listener: () => void): Promise<Subscription>;

  /** Schedules whose job scheduler is out of step with their spec (created, edited, paused, deleted since). */
  findUnsyncedClocks(limit: number): Promise<ClockSpec[]>;
  /** Notes that the clocks for these spec versions were set or removed. */
  markClocksSynced(synced: readonly { readonly scheduleId: string; readonly specVersion: number }[]): Promise<void>;
  /** Enabled schedules, for comparing with what Redis holds. */
  countEnabled(): Promise<number>;
  /** Pages through all enabled schedules' clock specs, by id. */
  listEnabledClocks(afterId: string | null, limit: number): Promise<ClockSpec[]>;
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
}

export type FirePlanner = (due: DueSchedule) => FirePlan;

export interface FirePlan {
  readonly rows: readonly PlannedRow[];
  /** Ask the active runs of the schedule to end (overlap `replace`). */
  readonly cancelActive: boolean;
  readonly nextFireAt: Date;
  readonly followingFireAt: Date | null;
}

export interface PlannedRow {
  readonly scheduledFor: Date;
  readonly trigger: RunTrigger;
  readonly status: 'queued' | 'skipped' | 'missed';
  readonly reason: { readonly code: 'overlap_skipped' | 'missed'; readonly message: string } | null;
}

export interface FiredSchedule {
  readonly scheduleId: string;
  readonly queued: readonly FiredRun[];
  readonly skipped: number;
  readonly missed: number;
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
  /** Null: the clock must go (paused or deleted). */
  readonly clock: { readonly cron: string; readonly timezone: string } | null;
}
