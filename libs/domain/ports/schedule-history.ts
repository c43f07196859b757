import type { Failure } from '../errors';
import type { SpecChange } from '../schedules/paused-spans';
import type { QuarterCount } from '../schedules/week-hours';
import type { NewSchedule, Page, PageRequest } from './management-store';
import type { PromptRecord } from '../runs/prompt-facts';
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
  /** What the template of a run for that instant may name, as it is now. Null where there is no such schedule. */
  readPromptRecord(organizationId: string, scheduleId: string, scheduledFor: Date): Promise<PromptRecord | null>;
  /** Every instant that has a row, newest first. */
  readLedger(organizationId: string, scheduleId: string, page: PageRequest): Promise<Page<LedgerRow>>;
  /**
   * What decided when each schedule fires, oldest first, from its first revision on; the newest 200 changes of each at most.
   */
  readSpecChanges(
    organizationId: string,
    scheduleIds: readonly string[],
  ): Promise<ReadonlyMap<string, readonly SpecChange[]>>;
  /** The runs of each schedule that has some that were due in [from, to). */
  readLanes(
    organizationId: string,
    scheduleIds: readonly string[],
    window: LaneWindow,
  ): Promise<ReadonlyMap<string, LaneRuns>>;
  /** All runs that were due in [from, to), by status and quarter of an hour. */
  countByQuarter(organizationId: string, from: Date, to: Date): Promise<readonly QuarterCount[]>;
  /** Newest first, those before the revision `before`. Empty where there is no such schedule; a deleted one keeps its own. */
  readRevisions(
    organizationId: string,
    scheduleId: string,
    limit: number,
    before?: number,
  ): Promise<readonly ScheduleRevision[]>;
}

export interface LaneWindow {
  readonly from: Date;
  readonly to: Date;
  /** A schedule with more of them has columns instead. */
  readonly maxRuns: number;
  readonly columnMs: number;
}

export type LaneRuns =
  /** Oldest first. */
  | { readonly runs: readonly RecentRun[]; readonly columns?: undefined }
  | {
      readonly runs?: undefined;
      /** `column` counts from `from` on. */
      readonly columns: readonly { readonly column: number; readonly status: RunStatus; readonly count: number }[];
    };

export interface LedgerRow {
  readonly run: RecentRun;
  /** When its row was made. */
  readonly recordedAt: Date;
  readonly reason: Failure | null;
  /** Of a skipped one: the run in its way. */
  readonly blockedBy: string | null;
  /** Of a missed one: the span in which no scheduler fired it. */
  readonly gap: { readonly from: Date; readonly to: Date } | null;
}

/** What a person did to a schedule, and all that was set of it from then on. */
export interface ScheduleRevision {
  readonly revision: number;
  /** `found`: how the schedule stood when revisions began to be kept. */
  readonly kind: 'found' | 'created' | 'edited' | 'paused' | 'resumed';
  readonly changed: readonly (keyof NewSchedule)[];
  readonly fields: NewSchedule;
  /** Of a pause or resume. */
  readonly note: string | null;
  /** The API key that it was done with; null where that is not known. */
  readonly by: { readonly keyId: string; readonly name: string } | null;
  readonly at: Date;
}

export interface RecentRun {
  readonly id: string;
  readonly status: RunStatus;
  readonly trigger: RunTrigger;
  readonly scheduledFor: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}
