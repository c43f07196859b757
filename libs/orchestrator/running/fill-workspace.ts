import { AppError } from '@crewtab/domain/errors';
import type { DeployOptions, DeploymentSpec, Runtime } from '@crewtab/domain/ports/runtime';
import { RUNTIMES, type RuntimeCapabilities } from '@crewtab/domain/runtimes';
import type { TeamWorkspace } from '@crewtab/domain/teams/workspace';

const FILE_MODE = 0o644;

/**
 * Puts into a run's workspace what its team asks for, after `Runtime.prepare` and before the first agent starts. Repeating it
 * is harmless until the prompt is sent: a worker that adopts a run in the phase deploying does it again.
 */
export async function fillWorkspace(
  runtime: Pick<Runtime, 'putFiles'>,
  { files = {} }: TeamWorkspace,
  deployment: DeploymentSpec,
  { onProgress }: DeployOptions,
): Promise<void> {
  const given = Object.entries(files).map(([path, text]) => ({
    path,
    content: new TextEncoder().encode(text),
    mode: FILE_MODE,
  }));
  if (given.length === 0) return;
  await runtime.putFiles(deployment, given);
  onProgress(`wrote ${given.length} ${given.length === 1 ? 'file' : 'files'} into the workspace`);
}

/** A team may have been made under another runtime than the worker has. */
export function refuseUnfit({ kind }: Pick<Runtime, 'kind'>): void {
  const { preparesWorkspace }: RuntimeCapabilities = RUNTIMES[kind];
  if (preparesWorkspace) return;
  const message = `the ${kind} runtime cannot fill a workspace: its agents start together with it`;
  throw new AppError('workspace_failed', message);
}
