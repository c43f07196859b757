import { randomBytes } from 'node:crypto';
import type { DeploymentSpec } from '@crewtab/domain/ports/runtime';
import type Docker from 'dockerode';
import { workspaceMount } from '../agents/container-spec';
import { createContainer } from '../engine/create-container';
import type { EngineClient } from '../engine/engine-client';
import { runLabels } from './run-resources';

/**
 * A container that is never started, through which the engine reaches into volumes: it puts nothing into a container whose
 * root is read-only, and locks one while it hands out its files, for which nothing that waits for an agent may wait.
 * Bears the run's labels, so that a worker that dies right here leaves nothing that the run's teardown overlooks.
 * @param of whose volumes it has; null: the run's workspace
 * @throws EngineRefusal, AppError
 */
export async function createHelper(
  engine: EngineClient,
  deployment: DeploymentSpec,
  imageId: string,
  of: Docker.Container | null = null,
  signal?: AbortSignal,
): Promise<Docker.Container> {
  const spec = {
    name: `${deployment.name}-files-${randomBytes(4).toString('hex')}`,
    Image: imageId,
    Entrypoint: ['true'],
    Labels: runLabels(deployment),
    HostConfig: {
      NetworkMode: 'none',
      ...(of ? { VolumesFrom: [of.id] } : { Mounts: [workspaceMount(deployment)] }),
    },
  };
  const options = { priority: 'deploy', ...(signal && { signal }) } as const;
  return engine.mutate('docker.helper.create', 'create a helper', options, (abortSignal) =>
    createContainer(engine.docker, spec, abortSignal),
  );
}

/** One that resists is left to the run's teardown, which goes on until it is gone. Its volumes are others'. */
export async function removeHelper(engine: EngineClient, helper: Docker.Container): Promise<void> {
  await engine
    .mutate('docker.helper.remove', 'remove a helper', { priority: 'deploy' }, (abortSignal) =>
      helper.remove({ force: true, abortSignal }),
    )
    .catch(() => undefined);
}
