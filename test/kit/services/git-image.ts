import { Readable } from 'node:stream';
import Docker from 'dockerode';
import { pack } from 'tar-stream';
import { DockerRuntime } from '@crewtab/runtime-docker/docker-runtime';
import { connectionTo } from '@crewtab/runtime-docker/engine/engine-client';
import { tinyImage } from '../../integration/runtime-docker/tiny-image';
import { demoImage } from './demo-image';
import { dockerHost } from './docker';

const TOOLS = ['git', '/usr/lib/git-core/git-remote-http', 'cp', 'find', 'mkdir', 'rm', 'touch'];

/** The reference of an image with this machine's git, as images/git has Debian's. */
export async function gitImage(): Promise<string> {
  const runtime = new DockerRuntime({ dockerHost: dockerHost() });
  try {
    return await tinyImage(runtime, { with: TOOLS });
  } finally {
    await runtime.close();
  }
}

/** The reference of an image with the demo agent and with this machine's git, for agents that commit. */
export async function demoImageWithGit(): Promise<string> {
  const [git, demo] = [await gitImage(), await demoImage()];
  const reference = `crewtab-test/demo-with-git:${git.split(':')[1] ?? ''}-${demo.split(':')[1] ?? ''}`;
  const context = pack();
  context.entry(
    { name: 'Dockerfile' },
    `FROM ${git} AS git\nFROM ${demo}\nUSER 0\nCOPY --from=git / /\nUSER 1000:1000\n`,
  );
  context.finalize();
  const docker = new Docker(connectionTo(dockerHost()));
  const answer: NodeJS.ReadableStream = await docker.buildImage(Readable.from(context), { t: reference });
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(answer, (error, steps: readonly { readonly error?: string }[]) => {
      const said = error?.message ?? steps.find((step) => step.error !== undefined)?.error;
      if (said === undefined) resolve();
      else reject(new Error(said));
    });
  });
  return reference;
}
