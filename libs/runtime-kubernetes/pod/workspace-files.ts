import { AppError } from '@crewtab/domain/errors';
import { effect } from '@crewtab/domain/failpoint';
import type { FoundFile, WorkspaceFile } from '@crewtab/domain/ports/runtime';
import { workspacePath } from '@crewtab/domain/runs/workspace-path';
import type { Pod } from '../cluster/api-objects';
import type { ClusterClient } from '../cluster/cluster-client';
import { unreachable } from '../cluster/cluster-errors';
import { PodExec } from '../cluster/pod-exec';
import { packFiles, repackFiles, unpackFiles } from './file-stream';
import { askKeeper, KEEPER_CODES, keeperOf, throwUnlessDone } from './keeper';
import { KEEPER_PROGRAM, WORKSPACE_DIR } from './pod-spec';

export async function putFiles(client: ClusterClient, pod: Pod, files: readonly WorkspaceFile[]): Promise<void> {
  const placed = files.map((file) => ({ ...file, path: workspacePath(file.path) }));
  await effect('kubernetes.workspace.put-files', async () => {
    throwUnlessDone(await askKeeper(client, keeperOf(pod), ['put', WORKSPACE_DIR], packFiles(placed)), 'put files');
  });
}

/**
 * Makes one pod's workspace the same as another's: files, folders and links, with modes and files' times. Sockets and the like stay where
 * they are. Where it breaks off, the one has a part of the other's.
 */
export async function copyFiles(client: ClusterClient, from: Pod, to: Pod): Promise<void> {
  const packed = repackFiles(readStream(client, from, ''));
  await effect('kubernetes.workspace.copy', async () => {
    throwUnlessDone(await askKeeper(client, keeperOf(to), ['mirror', WORKSPACE_DIR], packed), 'copy files');
  });
}

export function readFiles(client: ClusterClient, pod: Pod, path: string): AsyncGenerator<FoundFile> {
  return unpackFiles(readStream(client, pod, workspacePath(path)));
}

/** As the keeper says it. @throws AppError `not_found` where nothing is */
async function* readStream(client: ClusterClient, pod: Pod, wanted: string): AsyncGenerator<Buffer> {
  const exec = await PodExec.start(client, keeperOf(pod), [KEEPER_PROGRAM, 'read', WORKSPACE_DIR, wanted]);
  const chunks = exec.stdout();
  try {
    const first = await chunks.next();
    if (first.done) await explain(exec, wanted);
    else {
      yield first.value;
      yield* chunks;
    }
  } finally {
    exec.close();
  }
}

/** Why a reading brought nothing at all, not even its end. */
async function explain(exec: PodExec, path: string): Promise<never> {
  const end = await exec.end;
  if (end.how === 'exited' && end.code === KEEPER_CODES.notFound)
    throw new AppError('not_found', `there is no "${path}" in the workspace`);
  throw unreachable(`read "${path}"`, end.how === 'broken' ? end.why : exec.stderr || `exit code ${end.code}`);
}
