import { AppError } from '@crewtab/domain/errors';
import type { DeployOptions, DeploymentSpec } from '@crewtab/domain/ports/runtime';
import { isCommitId, type FetchedRepository } from '@crewtab/domain/runs/repository';
import type { Run } from '@crewtab/domain/runs/run';
import type { GitSource } from '@crewtab/domain/teams/workspace';
import { FACTS, FETCH_SCRIPT } from './fetch-script';
import { runHelper, type HelperDeps } from './git-helper';
import type { OrchestratorDeps } from './orchestrator-deps';

export type FetchDeps = HelperDeps & Pick<OrchestratorDeps, 'store'>;

/** What is fetched is older than any run, so that no check takes it for work. */
const DAY_MS = 24 * 3_600_000;

/**
 * Fetches the repository into the run's workspace, by a helper that no agent sees; does nothing where an earlier attempt has finished.
 * One that was cut off, by a worker's death for one, is removed with its container, and begun anew.
 * @throws AppError `workspace_failed` in git's words, `secret_unavailable`
 */
export async function fetchRepository(
  deps: FetchDeps,
  git: GitSource,
  run: Run,
  deployment: DeploymentSpec,
  { signal, onProgress }: DeployOptions,
): Promise<void> {
  const { runtime, store, clock } = deps;
  const claim = { runId: run.id, epoch: run.epoch };
  if ((await store.load(claim)).repository) return;
  // Another worker's helper may still be at it: two would write into one workspace.
  await runtime.stop(deployment.installationId, deployment.runId, { graceMs: 0, epoch: deployment.epoch });
  const env = {
    CREWTAB_URL: git.url,
    CREWTAB_REF: git.ref ?? '',
    CREWTAB_DEPTH: git.depth === undefined ? '' : String(git.depth),
    CREWTAB_KEPT: run.keptWorkspace ? '1' : '',
    CREWTAB_PUSH: git.push?.branch ?? '',
    CREWTAB_OLD: String(Math.floor(((run.startedAt ?? clock.now()).getTime() - DAY_MS) / 1_000)),
  };
  const task = { git, run, deployment, script: FETCH_SCRIPT, env, reach: 'repository', onProgress } as const;
  const { end, exitCode, output, words } = await runHelper(deps, task, signal);
  const repository = end === 'exited' && exitCode === 0 ? factsOf(output, git) : null;
  if (!repository) throw new AppError('workspace_failed', `${git.url} could not be fetched: ${words}`.trim());
  await store.noteRepository(claim, repository);
}

/** What the script says last. Null: it did not. */
function factsOf(output: string, { push }: GitSource): FetchedRepository | null {
  const line = output.split('\n').findLast((one) => one.startsWith(FACTS)) ?? '';
  const [commit = '', branchAt = ''] = line.slice(FACTS.length).split(' ');
  if (!isCommitId(commit)) return null;
  return push ? { commit, branchAt: isCommitId(branchAt) ? branchAt : null } : { commit };
}
