import type { Failure } from '../errors';
import type { DialogueState, LastSeen } from '../ports/agent-protocol';
import type { AgentExit } from '../ports/runtime';
import type { AgentRole } from '../teams/team';
import type { Verification } from './verification';

/** What the worker that holds a run knows about it beyond the row: the second argument of `decide`. */
export interface Observation {
  readonly agents: readonly AgentObservation[];
  readonly promptWrite: PromptWrite;
  /** Set once what the team says has gone beyond a limit; nothing is read of it from then on. */
  readonly outputFailure: Failure | null;
  /** Delegated tasks without an answer. */
  readonly openDelegations: number;
  /**
   * Set while the leader's output of an adopted run is still being read, and then until it ought to be: what was said
   * before the worker looked may be the end of the work, and must not lose against a deadline that passed meanwhile.
   */
  readonly catchingUpUntil?: Date | null;
  /** Set once the run takes more of its host's disk than it may. */
  readonly diskFailure?: Failure | null;
  /** This worker's own; absent: not asked for yet. */
  readonly verifying?: Work<Verification>;
  /** This worker's own, with why it failed, or null; absent: not asked for yet. */
  readonly pushing?: Work<Failure | null>;
  /** This worker's own; absent: not asked for yet. */
  readonly collecting?: Work<unknown>;
  /** Earliest next attempt after a failed teardown; null = at once. */
  readonly nextTeardownAt: Date | null;
  /** When an attempt of this very worker to tear down first failed; null = none has. */
  readonly teardownFailedAt: Date | null;
}

export interface AgentObservation {
  readonly name: string;
  readonly role: AgentRole;
  readonly deploy: DeployProgress;
  /** As far as it is stored: what decide sees is never ahead of the conversation in Postgres (invariant I6). */
  readonly dialogue: Pick<DialogueState, 'handshake' | 'turns' | 'hasSeenWork' | 'hasEndedWell'> | null;
  /** When the handshake is given up; null while the agent is not started or has answered. */
  readonly handshakeDeadlineAt: Date | null;
  /** When it has been silent for too long, while it has a task and waits for no teammate; null or absent: it may be. */
  readonly idleDeadlineAt?: Date | null;
  /** Absent while nothing was read of it; `at`: when it last wrote a line. For words alone. */
  readonly lastSeen?: (LastSeen & { readonly at: Date | null }) | null;
  /** Set once the process has ended (or is gone) and its whole output is stored. */
  readonly ended: AgentEnd | null;
}

export type DeployProgress =
  | { readonly status: 'not_asked' }
  | { readonly status: 'under_way' }
  | { readonly status: 'started' }
  | { readonly status: 'failed'; readonly failure: Failure };

/** What a worker does in the background once the agents have ended. */
export type Work<T> =
  | { readonly status: 'under_way' }
  | { readonly status: 'done'; readonly result: T }
  | { readonly status: 'failed'; readonly failure: Failure };

export type AgentEnd = ({ readonly how: 'exited' } & AgentExit) | { readonly how: 'vanished' };

/**
 * This worker's own write of the prompt. `not_ours`: it did not get the permit in this epoch (so it must look for
 * evidence that the prompt arrived, until `evidenceUntil`; null while the leader's output cannot be read).
 */
export type PromptWrite =
  | { readonly status: 'idle' }
  | { readonly status: 'writing' }
  | { readonly status: 'written' }
  | { readonly status: 'failed'; readonly failure: Failure }
  | { readonly status: 'not_ours'; readonly evidenceUntil: Date | null };
