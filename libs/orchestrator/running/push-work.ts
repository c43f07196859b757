import { AppError, errorMessage, type Failure } from '@crewtab/domain/errors';
import type { DeploymentSpec } from '@crewtab/domain/ports/runtime';
import { isCommitId, pushFailure, type Push, type PushEnd } from '@crewtab/domain/runs/repository';
import type { Run } from '@crewtab/domain/runs/run';
import { findRefFault, type GitSource } from '@crewtab/domain/teams/workspace';
import { pause } from './background-work';
import { runHelper, type HelperDeps } from './git-helper';
import type { OrchestratorDeps } from './orchestrator-deps';
import { NOT_SENT, PUSH_SCRIPT, REFUSED } from './push-script';

export type PushDeps = HelperDeps & Pick<OrchestratorDeps, 'store'>;

/** Of a file of the agent's repository that is read: more is not looked at. */
const MOST_READ_BYTES = 4 * 1024 * 1024;

/**
 * Pushes the commit that HEAD of the workspace names, once in a run's life: what is intended is stored before a byte of it leaves,
 * and who finds an intention that is not its own asks the remote in place of pushing.
 * @returns why the run has failed; null where the work was pushed, or there was nothing to push
 */
export async function pushWork(
  deps: PushDeps,
  run: Run,
  deployment: DeploymentSpec,
  onProgress: (text: string) => void,
  signal: AbortSignal,
): Promise<Failure | null> {
  const { store } = deps;
  const { git } = run.plan.workspace ?? {};
  if (!git?.push) return null;
  const claim = { runId: run.id, epoch: run.epoch };
  const work: Work = { deps, git, run, deployment, onProgress };
  const { push: known, repository } = await store.load(claim);
  const end = async (push: Push, ended: PushEnd): Promise<Failure | null> => {
    await store.endPush(claim, ended);
    onProgress(wordsOf({ ...push, ...ended }));
    return pushFailure({ ...push, ...ended });
  };
  if (known) return known.state === 'pushing' ? end(known, await askTwice(work, known, signal)) : pushFailure(known);
  const commit = await readHead(work);
  const target = { branch: git.push.branch, commit };
  const push = await store.beginPush(claim, target);
  if (!repository) return end(push, { state: 'not_pushed', message: 'the run has no record of what was fetched' });
  if (commit === repository.commit) return end(push, { state: 'nothing', message: null });
  return end(push, await send(work, push, repository.branchAt ?? '', signal));
}

interface Work {
  readonly deps: PushDeps;
  readonly git: GitSource;
  readonly run: Run;
  readonly deployment: DeploymentSpec;
  readonly onProgress: (text: string) => void;
}

async function send(work: Work, push: Push, base: string, signal: AbortSignal): Promise<PushEnd> {
  try {
    return await help(work, push, { CREWTAB_BASE: base, CREWTAB_ASK: '' }, signal);
  } catch (error) {
    // The engine does not say how far the helper came.
    if (signal.aborted || (error instanceof AppError && error.retryable)) throw error;
    return askTwice(work, push, signal);
  }
}

/** A helper that was killed may have sent what the remote has not taken in yet: one that has not is asked again a little later. */
async function askTwice(work: Work, push: Push, signal: AbortSignal): Promise<PushEnd> {
  const { clock, options } = work.deps;
  const first = await ask(work, push, signal);
  if (first.state === 'pushed') return first;
  await pause(clock, options.evidenceMs, signal);
  signal.throwIfAborted();
  return ask(work, push, signal);
}

async function ask(work: Work, push: Push, signal: AbortSignal): Promise<PushEnd> {
  try {
    const end = await help(work, push, { CREWTAB_BASE: '', CREWTAB_ASK: '1' }, signal);
    const why = 'the push was cut off in the middle, and is not repeated';
    return end.state === 'pushed' ? end : { ...end, message: [why, end.message].filter(Boolean).join('; ') };
  } catch (error) {
    if (signal.aborted || (error instanceof AppError && error.retryable)) throw error;
    return { state: 'unconfirmed', message: errorMessage(error) };
  }
}

async function help(
  { deps, git, run, deployment, onProgress }: Work,
  { branch, commit }: Push,
  more: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<PushEnd> {
  const env = { CREWTAB_URL: git.url, CREWTAB_PUSH: branch, CREWTAB_COMMIT: commit, ...more };
  const task = { git, run, deployment, script: PUSH_SCRIPT, env, reach: 'repository', onProgress } as const;
  const { end, exitCode, words } = await runHelper(deps, task, signal);
  const message = words === '' ? null : words;
  if (end === 'exited' && exitCode === 0) return { state: 'pushed', message: null };
  const isRefused = end === 'exited' && (exitCode === NOT_SENT || exitCode === REFUSED);
  return { state: isRefused ? 'not_pushed' : 'unconfirmed', message };
}

function wordsOf({ state, branch, commit, message }: Push): string {
  if (state === 'pushed') return `pushed ${commit} to ${branch}`;
  if (state === 'nothing') return `nothing to push: the workspace is at ${commit}, as it was fetched`;
  return pushFailure({ state, branch, commit, message })?.message ?? '';
}

/** @throws AppError push_failed where an agent left no repository that has a commit */
async function readHead(work: Work): Promise<string> {
  const head = (await readOfGit(work, 'HEAD'))?.trim() ?? '';
  if (isCommitId(head)) return head;
  const ref = /^ref: (refs\/heads\/.+)$/.exec(head)?.[1];
  if (ref === undefined || findRefFault(ref) !== null)
    throw new AppError('push_failed', 'there is nothing that could be pushed: .git/HEAD names no branch and no commit');
  const loose = (await readOfGit(work, ref))?.trim() ?? '';
  if (isCommitId(loose)) return loose;
  const packed = (await readOfGit(work, 'packed-refs')) ?? '';
  const [found = ''] =
    packed
      .split('\n')
      .find((line) => line.endsWith(` ${ref}`))
      ?.split(' ') ?? [];
  if (isCommitId(found)) return found;
  throw new AppError(
    'push_failed',
    `there is nothing that could be pushed: the branch of the workspace, ${ref}, has no commit`,
  );
}

/** A link on the way leads nowhere. Null: there is no such file. */
async function readOfGit({ deps, deployment }: Work, name: string): Promise<string | null> {
  try {
    for await (const { kind, size, content } of deps.runtime.readFiles(deployment, `.git/${name}`)) {
      if (kind !== 'file' || size > MOST_READ_BYTES) return null;
      const chunks: Uint8Array[] = [];
      for await (const chunk of content) chunks.push(chunk);
      return Buffer.concat(chunks).toString('utf8');
    }
    return null;
  } catch (error) {
    if (error instanceof AppError && (error.code === 'not_found' || error.code === 'invalid_request')) return null;
    throw error;
  }
}
