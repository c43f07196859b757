/**
 * A task that the leader gave to a teammate. Told apart by an id that the leader's tool call carries (idempotency key); it is
 * also the handle by which the leader asks for the answer. One whose `to` is the leader is a question of a teammate about its
 * task: it is never permitted, since it is no turn, and its answer is what the leader's tool says.
 */
export interface Delegation {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly task: string;
  /** Null while the teammate is at work or still has others to finish first. */
  readonly answer: DelegationAnswer | null;
  /** True once a worker was permitted to write it to the teammate: like the prompt, it is never written twice. */
  readonly isPermitted: boolean;
  /** Ids of later calls that asked the same while it was under way; the newest MOST_JOINED_CALLS. */
  readonly joinedCalls: readonly string[];
}

/** What a worker that adopts a run must know of each task; the texts stay in the store. */
export interface KnownDelegation extends Pick<Delegation, 'id' | 'from' | 'to' | 'isPermitted' | 'joinedCalls'> {
  readonly isAnswered: boolean;
  readonly taskChars: number;
  /** 0 without an answer. */
  readonly answerChars: number;
}

/** What an agent writes down for its team: a message of kind `system`, by that agent, with the id of the call as `note`. */
export interface TeamNote {
  readonly id: string;
  readonly agent: string;
  readonly text: string;
}

export const LONGEST_NOTE_CHARS = 4_096;
/** Of a run. */
export const MOST_NOTES = 200;

/** Most characters of a task; an answer is cut at RESULT_CHARS. */
export const LONGEST_TASK_CHARS = 1024 * 1024;
/** Tasks of a run that may wait for their answer at the same time. */
export const MOST_OPEN_TASKS = 64;
/** Most characters of a question that a teammate asks its leader. */
export const LONGEST_QUESTION_CHARS = 16 * 1024;
/** Questions of a run in all, and those that may wait for their answer at the same time. */
export const MOST_QUESTIONS = 200;
export const MOST_OPEN_QUESTIONS = 16;
/** Tasks of a run in all. A teammate can delegate nothing itself, so this bounds the work of a team. */
export const MOST_TASKS = 1_000;
export const MOST_JOINED_CALLS = 64;

export type DelegationAnswer = { readonly text: string } | { readonly error: string };

export function charsOfAnswer(answer: DelegationAnswer): number {
  return 'text' in answer ? answer.text.length : answer.error.length;
}

/** The id of a delegated turn on the wire. */
export function delegationTurnId(delegationId: string): string {
  return `delegate:${delegationId}`;
}
