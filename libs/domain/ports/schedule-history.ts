import type { RunStatus, RunTrigger } from '../runs/run';

/** How schedules have run, for what is drawn of them. Reads only; what belongs to another organization is not there. */
export interface ScheduleHistory {
  /** The newest runs of each schedule that has some, newest first. */
  readRecent(
    organizationId: string,
    scheduleIds: readonly string[],
    limit: number,
  ): Promise<ReadonlyMap<string, readonly RecentRun[]>>;
  /**
   * How long the last hundred runs of each schedule took, ms, newest first; of schedules that have some. Those that were
   * cancelled say nothing about the work, and are left out.
   */
  readDurations(
    organizationId: string,
    scheduleIds: readonly string[],
  ): Promise<ReadonlyMap<string, readonly number[]>>;
}

export interface RecentRun {
  readonly id: string;
  readonly status: RunStatus;
  readonly trigger: RunTrigger;
  readonly scheduledFor: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}
