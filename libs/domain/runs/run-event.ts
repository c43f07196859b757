import type { ErrorCode, Failure } from '../errors';
import type { RunPhase, RunStatus, RunTrigger } from './run';
import type { Usage } from './usage';
import type { WarningCode } from './warning';

/**
 * | type | written when |
 * | --- | --- |
 * | run.status | the run is made, or its status changes (with its phase, where that changes too) |
 * | run.phase | its phase changes and its status does not |
 * | run.adopted | a worker claims a run that has begun: another one's, or one that was released |
 * | run.cancel_requested | a person or the overlap policy `replace` asks it to end |
 * | teardown.failed | an attempt to remove its containers fails |
 * | teardown.verified | the engine says that nothing of it is left |
 * | teardown.given_up | its host is decommissioned before it could be asked |
 */
export const RUN_EVENT_TYPES = [
  'run.status',
  'run.phase',
  'run.adopted',
  'run.cancel_requested',
  'teardown.failed',
  'teardown.verified',
  'teardown.given_up',
] as const;
export type RunEventType = (typeof RUN_EVENT_TYPES)[number];

/** One change of one run, written in the transaction of the change. */
export interface RunEvent {
  readonly organizationId: string;
  /** Null of runs without a schedule. */
  readonly scheduleId: string | null;
  readonly runId: string;
  readonly type: RunEventType;
  /** When the transaction of the change began. Events are ordered by position, not by this. */
  readonly at: Date;
  readonly data: RunEventData;
}

/** An event where readers meet it: positions grow in the order in which changes became visible. */
export interface PositionedRunEvent extends RunEvent {
  readonly position: number;
}

/** As it is stored. A field is there only where the type or the change has it. */
export interface RunEventData {
  readonly epoch: number;
  /** run.status, run.phase; absent when the run is made. */
  readonly from?: RunState;
  readonly to?: RunState;
  /** When the run is made: why it exists, and the instant that it is for. */
  readonly trigger?: RunTrigger;
  readonly scheduledFor?: string;
  /** Why it ended or never began; teardown.failed: what went wrong. */
  readonly error?: Failure;
  /** The codes of the warnings that came with the change, where there are any: with the end of the work, the outcome, or what was kept. */
  readonly warnings?: readonly WarningCode[];
  /** `skipped`: the run that was in its way. */
  readonly blockedBy?: string;
  /** `missed`: from the first instant that no scheduler fired in time until this was noticed. */
  readonly gap?: { readonly from: string; readonly to: string };
  /** When it begins: the host that its containers stand on. */
  readonly host?: string;
  /** run.adopted; `fromOwner` is null where the claim had been released. */
  readonly fromOwner?: string | null;
  readonly toOwner?: string;
  /** run.cancel_requested. */
  readonly code?: Extract<ErrorCode, 'cancelled' | 'replaced'>;
  /** teardown.failed: how many attempts have failed. */
  readonly attempts?: number;
  /** teardown.given_up: who decommissioned the host. */
  readonly by?: string;
  /** When it has ended for good: what it used, where something is known of it. */
  readonly usage?: Usage;
  /** From the due instant to the stored run. */
  readonly lagMs?: number;
  /** From there until it began. */
  readonly queuedMs?: number;
  /** From its beginning until every agent had answered the handshake. */
  readonly deployMs?: number;
  /** From its beginning to its terminal status. */
  readonly runMs?: number;
  /** From the outcome until nothing was left. */
  readonly teardownMs?: number;
}

export interface RunState {
  readonly status: RunStatus;
  readonly phase: RunPhase;
}
