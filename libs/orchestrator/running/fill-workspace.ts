import { AppError } from '@crewtab/domain/errors';
import type { DeployOptions, DeploymentSpec, Runtime } from '@crewtab/domain/ports/runtime';
import type { Run } from '@crewtab/domain/runs/run';
import { RUNTIMES, type RuntimeCapabilities } from '@crewtab/domain/runtimes';
import type { TeamWorkspace } from '@crewtab/domain/teams/workspace';
import { fetchRepository, type FetchDeps } from './fetch-repository';

const FILE_MODE = 0o644;

/**
 * Puts into a run's workspace what its team asks for, after `Runtime.prepare` and before the first agent starts. Repeating it
 * is harmless until the prompt is sent: a worker that adopts a run in the phase deploying does it again.
 */
export async function fillWorkspace(
  deps: FetchDeps,
  { files = {}, git }: TeamWorkspace,
  run: Run,
  deployment: DeploymentSpec,
  options: DeployOptions,
): Promise<void> {
  if (git) await fetchRepository(deps, git, run, deployment, options);
  const given = Object.entries(files).map(([path, text]) => ({
    path,
    content: new TextEncoder().encode(text),
    mode: FILE_MODE,
  }));
  if (given.length === 0) return;
  await deps.runtime.putFiles(deployment, given);
  options.onProgress(`wrote ${given.length} ${given.length === 1 ? 'file' : 'files'} into the workspace`);
}

/** A team may have been made under another runtime than the worker has. */
export function refuseUnfit({ kind }: Pick<Runtime, 'kind'>, { git, files, persist }: TeamWorkspace): void {
  const { preparesWorkspace, clonesRepositories, keepsWorkspaces }: RuntimeCapabilities = RUNTIMES[kind];
  if (persist && !keepsWorkspaces)
    throw new AppError('workspace_failed', `the ${kind} runtime cannot keep a workspace between runs`);
  if (!git && !files) return;
  if (git && preparesWorkspace && !clonesRepositories)
    throw new AppError('workspace_failed', `the ${kind} runtime cannot keep a repository's credentials from agents`);
  if (preparesWorkspace) return;
  const message = `the ${kind} runtime cannot fill a workspace: its agents start together with it`;
  throw new AppError('workspace_failed', message);
}
