import Docker from 'dockerode';
import { shellCommand } from '../../contracts/runtime/behaviours';
import { ContractFixture } from '../../contracts/runtime/contract-fixture';
import { DockerRuntime } from '@crewtab/runtime-docker/docker-runtime';
import type { DockerRuntimeOptions } from '@crewtab/runtime-docker/docker-options';
import { connectionTo } from '@crewtab/runtime-docker/engine/engine-client';
import { dockerHost } from '../../kit/services/docker';
import { GUARD_FOLDER } from '../../kit/services/guard-folder';
import { tinyImage, type TinyImageOptions } from './tiny-image';

/** A runtime on the real engine, and the engine itself to look at what the runtime did. */
export interface DockerLab {
  readonly runtime: DockerRuntime;
  readonly fixture: ContractFixture;
  readonly docker: Docker;
  readonly image: string;
}

/** `dispose` of its fixture tears everything down and fails where something is left. */
export async function openLab(
  options: Partial<DockerRuntimeOptions> = {},
  imageOptions: TinyImageOptions = {},
): Promise<DockerLab> {
  const host = options.dockerHost ?? dockerHost();
  const make = (): DockerRuntime => new DockerRuntime({ guardFolder: GUARD_FOLDER, ...options, dockerHost: host });
  const runtime = make();
  const image = await tinyImage(runtime, imageOptions);
  const fixture = new ContractFixture({
    runtime,
    anotherWorker: make,
    program: (behaviour) => ({ image, command: shellCommand(behaviour) }),
    agentKind: 'container',
    network: { kind: 'none' },
    lookAlike: () => null,
  });
  return { runtime, fixture, docker: new Docker(connectionTo(host)), image };
}
