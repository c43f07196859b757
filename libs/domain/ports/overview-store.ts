import type { Failure } from '../errors';
import type { Acknowledgement, RunPhase, RunStatus, RunTrigger } from '../runs/run';
import type { Usage } from '../runs/usage';
import type { UsageSum } from './usage-store';

/** How much of an overview is read: it is asked for often, by every page that opens. */
export const OVERVIEW_LIMITS = {
  /** Of each list. */
  listed: 50,
  /** Newest runs that ended badly and nobody acknowledged: so many are looked at for what needs a person. */
  lookedAt: 500,
  /** Of each status and trigger; where there are more, a count is `at least`. */
  counted: 2_000,
  /** Characters of a result, or of what an agent said. */
  excerpt: 600,
} as const;

/** A run as lists of what happened show it. */
export interface OverviewRun {
  readonly id: string;
  /** Null of a try. */
  readonly scheduleId: string | null;
  /** Of its schedule; of a try its team's. */
  readonly name: string;
  readonly trigger: RunTrigger;
  readonly status: RunStatus;
  readonly phase: RunPhase;
  readonly scheduledFor: Date;
  readonly startedAt: Date | null;
  readonly deadlineAt: Date | null;
  readonly finishedAt: Date | null;
  readonly error: Failure | null;
  /** The beginning of its result. */
  readonly excerpt: string | null;
  /** What its agents have reported so far; null: nothing is known of it. */
  readonly usage: Usage | null;
  /** What an agent of it said last, where that is among its newest messages. */
  readonly lastWords: { readonly agent: string | null; readonly text: string; readonly at: Date } | null;
}

export interface Overview {
  /** By the database's clock. */
  readonly at: Date;
  /**
   * The newest run of each schedule that failed, timed out or was missed: until a later run of the schedule succeeds, or a
   * person acknowledges it or a later one.
   */
  readonly needsPerson: readonly OverviewRun[];
  /** Schedules that are enabled and cannot fire. */
  readonly faults: readonly {
    readonly scheduleId: string;
    readonly scheduleName: string;
    readonly message: string;
    readonly since: Date;
  }[];
  /** Running, then queued; the newest first. */
  readonly active: readonly OverviewRun[];
  /** Within 24 hours, the next first. */
  readonly due: readonly {
    readonly scheduleId: string;
    readonly scheduleName: string;
    readonly timezone: string;
    readonly at: Date;
  }[];
  readonly digest: {
    /** Runs that ended since then, by status. */
    readonly counts: Readonly<Partial<Record<RunStatus, number>>>;
    /** Whether the counts are all of them; otherwise at least so many. */
    readonly isComplete: boolean;
    /** Of all of them in which an agent was given a turn. */
    readonly usage: UsageSum;
    /** The newest of them that really ran. */
    readonly runs: readonly OverviewRun[];
  };
  /** Of the whole installation. */
  readonly health: {
    readonly liveWorkers: number;
    /** Runs that the living workers can hold, and do. */
    readonly capacity: number;
    readonly heldRuns: number;
    readonly unresponsiveHosts: number;
    readonly liveSchedulers: number;
  };
}

/** What has a name, or an id, that was searched for. */
export interface Found {
  readonly id: string;
  readonly name: string;
}

/** What the first page of a browser asks for, and what a person does with it. */
export interface OverviewStore {
  /** Bounded by `OVERVIEW_LIMITS`, whatever the history has. */
  readOverview(organizationId: string, since: Date): Promise<Overview>;

  /** Schedules and teams whose name has the text in it, those that begin with it first; at most ten of each. */
  search(organizationId: string, text: string): Promise<{ readonly schedules: Found[]; readonly teams: Found[] }>;

  /**
   * Notes that a person has seen how the run ended; a later call replaces an earlier one. Null: there is no such run.
   * `open`: it is not over, and stays as it was.
   */
  acknowledge(
    organizationId: string,
    runId: string,
    keyId: string,
    note: string | null,
  ): Promise<Acknowledgement | 'open' | null>;
}
