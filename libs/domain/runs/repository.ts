import type { Failure } from '../errors';

/** What was fetched into a run's workspace. Told by the helper and stored, since agents may write what they like to the workspace. */
export interface FetchedRepository {
  /** The whole id of the commit that the workspace began with. */
  readonly commit: string;
  /** Where the branch that is pushed to was then; null: there was none. Absent where nothing is to be pushed. */
  readonly branchAt?: string | null;
}

/**
 * | state | meaning | how it is left |
 * | --- | --- | --- |
 * | pushing | a worker is about to push, or is pushing | by what came of it; a worker that adopts the run asks the remote and pushes no more |
 * | pushed | the remote has the branch at the commit | never |
 * | nothing | the workspace has no other commit than the one that was fetched | never |
 * | not_pushed | the remote refused it, or says that the branch is not at the commit | never |
 * | unconfirmed | the remote could not be asked, or the run ended in the middle | never, but for the answer that comes late |
 */
export const PUSH_STATES = ['pushing', 'pushed', 'nothing', 'not_pushed', 'unconfirmed'] as const;
export type PushState = (typeof PUSH_STATES)[number];

/** The push of a run's work. */
export interface Push {
  readonly branch: string;
  readonly commit: string;
  readonly state: PushState;
  /** Git's own words, or what the remote said; null where there is nothing to say. */
  readonly message: string | null;
}

/** How a push can end. */
export type PushEnd = Pick<Push, 'message'> & { readonly state: Exclude<PushState, 'pushing'> };

/** Why a run whose work was to be pushed has failed; null where it was pushed, or nothing was there to push. */
export function pushFailure({ state, branch, commit, message }: Push): Failure | null {
  const what = `${commit} to the branch ${branch}`;
  const words = message === null ? '' : `: ${message}`;
  if (state === 'not_pushed') return { code: 'push_failed', message: `could not push ${what}${words}` };
  if (state === 'unconfirmed' || state === 'pushing')
    return { code: 'push_unconfirmed', message: `it is not known whether ${what} was pushed${words}` };
  return null;
}

/** The whole id of a commit, of either kind. */
export function isCommitId(text: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
}
