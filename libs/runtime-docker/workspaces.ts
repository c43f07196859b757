import { AppError } from '@crewtab/domain/errors';
import type { DeploymentSpec } from '@crewtab/domain/ports/runtime';
import { workspaceName } from './container-spec';
import type { EngineClient } from './engine-client';
import { EngineRefusal } from './engine-errors';
import { belongsToRun, runLabels } from './labels';

/** Get-or-create of the volume that the agents of a run share. */
export async function ensureWorkspace(
  engine: EngineClient,
  deployment: DeploymentSpec,
  signal: AbortSignal,
): Promise<void> {
  const name = workspaceName(deployment);
  try {
    const options = { priority: 'deploy', signal } as const;
    const volume = await engine.mutate('docker.volume.create', `create volume ${name}`, options, (abortSignal) =>
      engine.docker.createVolume({ Name: name, Labels: runLabels(deployment), abortSignal }),
    );
    // The engine answers with whatever has the name, and never says whether it made it.
    const found = await engine.read(`inspect volume ${name}`, (abortSignal) => volume.inspect({ abortSignal }));
    if (belongsToRun(found.Labels, deployment.installationId, deployment.runId)) return;
  } catch (error) {
    throw error instanceof EngineRefusal ? new AppError('create_failed', error.words, { cause: error }) : error;
  }
  throw new AppError('name_conflict', `a volume named ${name} exists that does not belong to this run`);
}
