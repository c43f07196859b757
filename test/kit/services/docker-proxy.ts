import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FaultProxy } from '../proxy';
import { dockerHost } from './docker';

const WORDS = 'the device is busy, says the test';

/** A container engine that refuses to remove resources for as long as a test wants it to. */
export interface DockerProxy {
  /** For a worker's DOCKER_HOST. */
  readonly dockerHost: string;
  /** What the refusals say. */
  readonly words: string;
  /** DELETE of these is answered with 500 and not passed on. Null: all is passed on. */
  refuseToRemove(kind: 'containers' | 'volumes' | null): void;
  close(): Promise<void>;
}

/**
 * Passes everything else on to the tests' engine as it is, streams and attached stdin included.
 * @param userId who may use it beside root
 */
export async function startDockerProxy(userId?: number): Promise<DockerProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'crewtab-proxy-'));
  const engine = dockerHost();
  const to = engine.startsWith('unix://')
    ? { path: engine.slice('unix://'.length) }
    : { host: new URL(engine).hostname, port: Number(new URL(engine).port) };
  const proxy = await FaultProxy.open({ name: 'worker → docker', to, path: join(folder, 'docker.sock') });
  if (userId !== undefined) for (const path of [folder, proxy.path]) await chown(path, userId, userId);
  return {
    dockerHost: `unix://${proxy.path}`,
    words: WORDS,
    refuseToRemove: (kind) => {
      if (kind === null) proxy.heal();
      else proxy.answerInstead(new RegExp(`^DELETE \\S*/${kind}/`), refusal(WORDS));
    },
    close: async () => {
      await proxy.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function refusal(message: string): string {
  const body = JSON.stringify({ message });
  const head = ['HTTP/1.1 500 Internal Server Error', 'Content-Type: application/json'];
  return [...head, `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n');
}
