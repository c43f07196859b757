import type { ErrorCode, Failure } from '../errors';
import type { OutcomeStatus, Run, RunPhase } from '../runs/run';
import type { RuntimeKind } from '../runtimes';
import type { ResourceCounts } from './runtime';
import type { WorkerIdentity } from './run-store';

/**
 * Who is there. Processes send heartbeats in the database every few seconds; everything is timed by its clock, so
 * that a worker whose own clock is wrong is not lost. Each method is one transaction and throws
 * `AppError('store_unreachable', retryable)` when the database did not answer; repeating a call is always safe.
 */
export interface HostStore {
  /** Stores a worker's heartbeat, and its host's. Answers how the host stands. */
  noteWorker(heartbeat: WorkerHeartbeat): Promise<HostStanding>;

  /** A worker that stops in order takes its row along; its host stays. */
  forgetWorker(workerId: string): Promise<void>;

  /**
   * A worker has reaped its host before taking work. The host is no longer decommissioned; a removal that
   * was given up and is no longer found there counts as verified after all.
   */
  readmit(host: string, cleanup: HostCleanup): Promise<Readmission>;

  /**
   * Takes up to `limit` runs of the worker's host that are over but not torn down, and that no worker holds, as
   * `RunStore.claimAbandoned` takes them. For the reaping before any work: no driver is needed to remove what is over.
   */
  claimPendingTeardowns(worker: WorkerIdentity, limit: number): Promise<Run[]>;

  /** Stores a scheduler's heartbeat, and removes rows of processes and hosts that have long been gone. */
  noteScheduler(heartbeat: SchedulerHeartbeat): Promise<void>;

  forgetScheduler(schedulerId: string): Promise<void>;

  /**
   * Ends runs whose worker does not come back (see `decideLoss`): outcome, pending teardown and a message in one
   * transaction; the epoch grows and the claim is emptied, so that a worker that does come back writes nothing.
   * The scheduler must have sent its heartbeat just before; without one nothing is ended.
   * @param hostTimeoutMs of a host, ms
   */
  endLostRuns(schedulerId: string, hostTimeoutMs: number): Promise<LostRun[]>;

  /**
   * Gives up a host that does not come back: its runs end as `host_lost`, what is owed there is finished without proof, and
   * both say who decided it. Refused while one of its workers is there. Idempotent.
   * @param by for people: who asked for it
   */
  decommission(host: string, by: string): Promise<Decommission>;

  /** All of it, for an operator. */
  readSystem(): Promise<SystemState>;
}

interface ProcessHeartbeat {
  readonly id: string;
  /** For people, as is the pid: which machine. */
  readonly hostname: string;
  readonly pid: number;
  /** Of Crewtab. */
  readonly version: string;
}

export interface WorkerHeartbeat extends ProcessHeartbeat {
  readonly host: { readonly id: string; readonly runtime: RuntimeKind; readonly description: string };
  readonly capacity: number;
  readonly heldRuns: number;
  /** Since its start. */
  readonly adoptedRuns: number;
  /** Why it takes no work; null when it does. */
  readonly refusal: string | null;
  readonly reaper: {
    /** Since its last complete pass, by the worker's monotonic clock, ms; null before the first. */
    readonly lastIterationAgoMs: number | null;
    /** Runs whose leftovers it removed since the worker's start. */
    readonly reapedRuns: number;
    /** What the reaper could not remove at its last iteration. */
    readonly unremovedResources: number;
    /** Why its last iteration failed; null when it did not. */
    readonly error: string | null;
  };
}

export interface SchedulerHeartbeat extends ProcessHeartbeat {
  readonly sweeper: { readonly lastIterationAgoMs: number | null; readonly error: string | null };
}

export interface HostStanding {
  /** Then it must be readmitted before its workers take work. */
  readonly isDecommissioned: boolean;
}

export interface HostCleanup {
  /** What was removed, by run, whatever became of it. */
  readonly removed: ReadonlyMap<string, ResourceCounts>;
  /** Runs of which something is still there. */
  readonly unremovedRunIds: readonly string[];
}

export interface Readmission {
  readonly wasDecommissioned: boolean;
  /** Runs whose given-up removal is proven now. */
  readonly verifiedRunIds: readonly string[];
}

export interface LostRun {
  readonly runId: string;
  readonly host: string;
  readonly phase: RunPhase;
  readonly status: OutcomeStatus;
  readonly error: Failure;
}

export type Decommission =
  | { readonly state: 'absent' }
  | { readonly state: 'alive'; readonly workerIds: readonly string[] }
  | { readonly state: 'done'; readonly at: Date; readonly by: string; readonly givenUpRunIds: readonly string[] };

export type HostState = 'live' | 'unresponsive' | 'decommissioned';

export interface SystemState {
  /** The database's clock. */
  readonly at: Date;
  readonly hosts: readonly HostView[];
  readonly workers: readonly WorkerView[];
  readonly schedulers: readonly SchedulerView[];
  /** Oldest first; at most `MAX_LISTED` of them, `pendingTeardownCount` counts all. */
  readonly pendingTeardowns: readonly PendingTeardownView[];
  readonly pendingTeardownCount: number;
  /** Begun, not torn down, and without a living worker. */
  readonly unheldRuns: number;
}

/** Leases and pending teardowns in one answer at most. */
export const MAX_LISTED = 1_000;

export interface HostView {
  readonly id: string;
  readonly runtime: string;
  readonly description: string;
  readonly state: HostState;
  readonly firstSeenAt: Date;
  readonly lastSeenAt: Date;
  readonly reapedAt: Date | null;
  readonly decommissionedAt: Date | null;
  readonly decommissionedBy: string | null;
  /** Runs that stand there: begun and not finished. */
  readonly begunRuns: number;
  /** Of those, the ones that are owed a teardown. */
  readonly pendingTeardownCount: number;
}

export interface WorkerView extends Omit<WorkerHeartbeat, 'host' | 'reaper'> {
  readonly host: string;
  readonly isLive: boolean;
  readonly startedAt: Date;
  readonly lastSeenAt: Date;
  readonly reaper: {
    readonly lastIterationAt: Date | null;
    readonly reapedRuns: number;
    readonly unremovedResources: number;
    readonly error: string | null;
  };
  readonly leases: readonly LeaseView[];
}

export interface LeaseView {
  readonly runId: string;
  readonly epoch: number;
  readonly phase: RunPhase;
  readonly leaseUntil: Date;
}

export interface SchedulerView extends Omit<SchedulerHeartbeat, 'sweeper'> {
  readonly isLive: boolean;
  readonly startedAt: Date;
  readonly lastSeenAt: Date;
  readonly sweeper: { readonly lastIterationAt: Date | null; readonly error: string | null };
}

export interface PendingTeardownView {
  readonly runId: string;
  readonly host: string;
  readonly status: Run['status'];
  readonly since: Date;
  readonly failedAttempts: number;
  readonly error: { readonly code: ErrorCode; readonly message: string } | null;
}
