import type { Delegation, DelegationAnswer, KnownDelegation, TeamNote } from '../runs/delegation';
import type { Claim } from './run-store';

/**
 * The call table of a team's tools, so that a tool call survives the worker that took it. Every write carries the claim
 * and throws as RunStore's do.
 */
export interface DelegationStore {
  /**
   * Records a task together with its `delegation` message. An id that is known is answered as it stands. One that is new, but
   * asks the same of the same agent in the same words as a task without an answer, joins that task: it is a call of it from
   * then on. Calls of one claim must not overlap: two at once do not see each other.
   * @returns the task, whose id is another one where the call has joined it
   */
  openDelegation(claim: Claim, task: Pick<Delegation, 'id' | 'from' | 'to' | 'task'>): Promise<Delegation>;
  /** One-shot, as RunStore.permitPrompt: true when the permit belongs to this claim's epoch. */
  permitDelegation(claim: Claim, id: string): Promise<boolean>;
  /**
   * Stores the answer together with its `delegation` message. Idempotent: the first answer stays.
   * @returns the answer that stays
   */
  answerDelegation(claim: Claim, id: string, answer: DelegationAnswer): Promise<DelegationAnswer>;
  /** One, with its texts. Throws `not_found` for an id that was never opened. */
  readDelegation(claim: Claim, id: string): Promise<Delegation>;
  /** All of a run, oldest first, without their texts. */
  listDelegations(claim: Claim): Promise<KnownDelegation[]>;
  /** The notes in the conversation of a run, oldest first; at most MOST_NOTES. */
  listNotes(claim: Claim): Promise<TeamNote[]>;
}
