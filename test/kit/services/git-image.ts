import { DockerRuntime } from '@crewtab/runtime-docker/docker-runtime';
import { tinyImage } from '../../integration/runtime-docker/tiny-image';
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
