import type { Delegation, DelegationAnswer, KnownDelegation } from '../runs/delegation';
import type { Claim } from './run-store';

/**
 * The call table of a team's tools, so that a tool call survives the worker that took it. Every write carries the claim
 * and throws as RunStore's do.
 */
export interface DelegationStore {
  /** Records a task together with its `delegation` message; an id that is known is answered as it stands. */
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
}
