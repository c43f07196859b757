import Docker from 'dockerode';
import { shellCommand } from '../../contracts/runtime/behaviours';
import type { LookAlike } from '../../contracts/runtime/contract-fixture';
import { runtimeContract } from '../../contracts/runtime/runtime-contract';
import { DockerRuntime } from '@crewtab/runtime-docker/docker-runtime';
import { connectionTo } from '@crewtab/runtime-docker/engine/engine-client';
import { describeWithDocker, dockerHost } from '../../kit/services/docker';
import { GUARD_FOLDER } from '../../kit/services/guard-folder';
import { tinyImage } from './tiny-image';

describeWithDocker('a real engine', () => {
  describeContract('DockerRuntime', GUARD_FOLDER);
  describeContract('DockerRuntime without a guard', null);
});

function describeContract(name: string, guardFolder: string | null): void {
  runtimeContract(name, { oom: true, stop: true }, async () => {
    const make = (): DockerRuntime => new DockerRuntime({ dockerHost: dockerHost(), guardFolder });
    const runtime = make();
    const image = await tinyImage(runtime);
    return {
      runtime,
      anotherWorker: make,
      program: (behaviour) => ({ image, command: shellCommand(behaviour) }),
      agentKind: 'container',
      network: { kind: 'open', hasOwnBridge: false },
      lookAlike: (deploymentName) => makeLookAlike(image, deploymentName),
    };
  });
}

/** A container and a volume of another program that uses our names. */
async function makeLookAlike(image: string, deploymentName: string): Promise<LookAlike> {
  const docker = new Docker(connectionTo(dockerHost()));
  const container = await docker.createContainer({
    name: `${deploymentName}-other`,
    Image: image,
    Cmd: ['sleep', '600'],
  });
  await container.start();
  const volume = await docker.createVolume({ Name: `${deploymentName}-other` });
  return {
    isIntact: async () => {
      const [inspected] = await Promise.all([container.inspect(), volume.inspect()]);
      return inspected.State.Running;
    },
    remove: async () => {
      try {
        await container.remove({ force: true });
      } finally {
        // Also where a runtime that is broken has removed the container.
        await volume.remove();
      }
    },
  };
}
