/** A task that the leader gave to a teammate. Told apart by an id that the leader's tool call carries (idempotency key). */
export interface Delegation {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly task: string;
  /** Null while the teammate is at work or still has others to finish first. */
  readonly answer: DelegationAnswer | null;
  /** True once a worker was permitted to write it to the teammate: like the prompt, it is never written twice. */
  readonly isPermitted: boolean;
}

export type DelegationAnswer = { readonly text: string } | { readonly error: string };

/** The id of a delegated turn on the wire. */
export function delegationTurnId(delegationId: string): string {
  return `delegate:${delegationId}`;
}
