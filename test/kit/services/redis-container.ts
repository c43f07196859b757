import { randomBytes } from 'node:crypto';
import { findFreePort } from '@crewtab/local-services/free-port';
import { startRedisContainer } from '@crewtab/launcher/redis-container';
import { pingRedis } from '@crewtab/local-services/redis-ping';
import { settingsFrom } from '@crewtab/runtime-docker/docker-options';
import { EngineClient } from '@crewtab/runtime-docker/engine/engine-client';
import { Images } from '@crewtab/runtime-docker/images/images';
import { dockerHost, hasDocker } from './docker';
import { TEST_RUN_LABEL } from './docker-leftovers';
import { oncePerRun } from './once-per-run';
import { startOwnRedis } from './own-servers';
import { makeRedisImage } from './redis-image';
import { eventually } from '../wait-for';

/** The Redis of one e2e test file. */
export interface E2eRedis {
  readonly url: string;
  /** The image that it runs on; null when it runs on this machine directly, as no engine answers. */
  readonly image: string | null;
  /** Ends it and removes its container. */
  stop(): Promise<void>;
}

/**
 * Redis in a container on loopback: on CREWTAB_TEST_REDIS_IMAGE (default redis:7-alpine); where that is absent and no
 * registry can be reached, on an image made of this machine's redis-server; without an engine on this machine directly.
 */
export async function startE2eRedis(): Promise<E2eRedis> {
  if (!hasDocker() || !dockerHost().startsWith('unix://')) return startWithoutEngine();
  const image = await testRedisImage();
  const port = await findFreePort();
  const password = randomBytes(18).toString('base64url');
  const container = await startRedisContainer(dockerHost(), {
    image,
    name: `crewtab-test-redis-${randomBytes(6).toString('hex')}`,
    port,
    labels: { [TEST_RUN_LABEL]: process.env.CREWTAB_TEST_RUN ?? '' },
    args: ['--requirepass', password, '--save', '', '--maxmemory-policy', 'noeviction'],
    volume: null,
    log: () => undefined,
  });
  try {
    await eventually(async () => (await pingRedis(port, password)) === 'ready', { timeoutMs: 60_000 });
  } catch (error) {
    await container.remove();
    throw error;
  }
  return { url: `redis://:${password}@127.0.0.1:${port}`, image, stop: () => container.remove() };
}

/** The image that `startE2eRedis` uses, present on the engine. */
export function testRedisImage(): Promise<string> {
  return oncePerRun('redis-image', chooseImage);
}

async function startWithoutEngine(): Promise<E2eRedis> {
  const own = await startOwnRedis();
  return { url: own.url, image: null, stop: () => own.remove() };
}

async function chooseImage(): Promise<string> {
  const engine = new EngineClient(dockerHost(), settingsFrom({ dockerHost: dockerHost() }));
  const images = new Images(engine);
  const named = process.env.CREWTAB_TEST_REDIS_IMAGE ?? '';
  const image = named === '' ? 'redis:7-alpine' : named;
  try {
    await images.ensure(image, { signal: new AbortController().signal, onProgress: () => undefined });
    return image;
  } catch (error) {
    if (named !== '') throw new Error(`CREWTAB_TEST_REDIS_IMAGE=${named} cannot be pulled`, { cause: error });
    return await makeRedisImage(images);
  } finally {
    engine.close();
  }
}
