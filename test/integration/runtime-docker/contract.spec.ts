import Docker from 'dockerode';
import { shellCommand } from '@crewtab/testing/runtime/behaviours';
import type { LookAlike } from '@crewtab/testing/runtime/contract-fixture';
import { runtimeContract } from '@crewtab/testing/runtime/runtime-contract';
import { DockerRuntime } from '@crewtab/runtime-docker/docker-runtime';
import { connectionTo } from '@crewtab/runtime-docker/engine-client';
import { describeWithDocker, dockerHost } from '../../support/docker';
import { tinyImage } from './tiny-image';

describeWithDocker('a real engine', () => {
  runtimeContract('DockerRuntime', { oom: true, isolation: true }, async () => {
    const runtime = new DockerRuntime({ dockerHost: dockerHost() });
    const image = await tinyImage(runtime);
    return {
      runtime,
      anotherWorker: () => new DockerRuntime({ dockerHost: dockerHost() }),
      program: (behaviour) => ({ image, command: shellCommand(behaviour) }),
      images: [image],
      network: 'egress',
      lookAlike: (deploymentName) => makeLookAlike(image, deploymentName),
    };
  });
});

/** A container and a volume of somebody who likes our names. */
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
