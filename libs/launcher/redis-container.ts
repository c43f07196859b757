import { setTimeout as delay } from 'node:timers/promises';
import type { RedisContainer, RedisContainerSpec, RunRedisContainer } from '../local-services/redis';
import { LocalServiceError, messageOf } from '../local-services/service-error';
import { settingsFrom } from '../runtime-docker/docker-options';
import { EngineClient, withinLimit } from '../runtime-docker/engine/engine-client';
import { isRefusal } from '@crewtab/runtime-docker/engine/engine-client';
import { Images } from '../runtime-docker/images/images';
import { findDockerEngine } from './docker-engine';

/** Of one call; a stop waits 5 s before it kills. */
const CALL_LIMIT_MS = 15_000;
const STOP_GRACE_SECONDS = 5;
const REMOVAL_LIMIT_MS = 10_000;

/** Runs Redis on the engine that `env` leads to, if that is one of this machine. */
export function redisContainers(env: NodeJS.ProcessEnv): RunRedisContainer {
  return async (spec) => {
    const found = await findDockerEngine(env);
    // The port is bound on the engine's machine, and there to loopback only.
    if (!found.isReachable || !/^(unix|npipe):/.test(found.dockerHost)) return null;
    spec.log(`no redis-server on this machine: running ${spec.image} in Docker`);
    return startRedisContainer(found.dockerHost, spec);
  };
}

/**
 * Runs redis-server in a container whose port is bound to loopback only. The image is pulled where it is absent. A
 * container of that name that is there already is removed first.
 * @throws LocalServiceError when the image is not to be had; the engine's error otherwise.
 */
export async function startRedisContainer(dockerHost: string, spec: RedisContainerSpec): Promise<RedisContainer> {
  const engine = new EngineClient(dockerHost, settingsFrom({ dockerHost }));
  const { name, image, volume } = spec;
  try {
    await ensureImage(engine, spec);
    await removeContainer(engine, name);
    const container = await withinLimit(`create ${name}`, CALL_LIMIT_MS, () =>
      engine.docker.createContainer({
        name,
        Image: image,
        Cmd: ['redis-server', ...spec.args],
        Labels: { ...spec.labels },
        ExposedPorts: { '6379/tcp': {} },
        HostConfig: {
          PortBindings: { '6379/tcp': [{ HostIp: '127.0.0.1', HostPort: String(spec.port) }] },
          Binds: volume === null ? [] : [`${volume}:/data`],
        },
      }),
    );
    try {
      await withinLimit(`start ${name}`, CALL_LIMIT_MS, () => container.start());
    } catch (error) {
      await removeContainer(engine, container.id);
      throw error;
    }
    return { remove: () => removeContainer(engine, container.id).finally(() => engine.close()) };
  } catch (error) {
    engine.close();
    throw error;
  }
}

async function ensureImage(engine: EngineClient, { image, log }: RedisContainerSpec): Promise<void> {
  try {
    await new Images(engine).ensure(image, { signal: new AbortController().signal, onProgress: log });
  } catch (error) {
    throw new LocalServiceError(
      `the image ${image} is not on this machine and cannot be pulled: ${messageOf(error)}`,
      'install redis-server, or use a Redis of your own: REDIS_URL=redis://… npm start',
      error,
    );
  }
}

/** Idempotent. */
async function removeContainer(engine: EngineClient, idOrName: string): Promise<void> {
  const container = engine.docker.getContainer(idOrName);
  try {
    // SIGTERM first: Redis saves what it holds.
    await withinLimit(`stop ${idOrName}`, CALL_LIMIT_MS, () => container.stop({ t: STOP_GRACE_SECONDS }));
  } catch (error) {
    if (isRefusal(error, 404)) return;
    // 304: it had ended by itself.
    if (!isRefusal(error, 304)) throw error;
  }
  try {
    await withinLimit(`remove ${idOrName}`, CALL_LIMIT_MS, () => container.remove({ force: true }));
  } catch (error) {
    if (isRefusal(error, 404)) return;
    // 409: a removal of the same container is under way.
    if (!isRefusal(error, 409)) throw error;
    await waitUntilAbsent(engine, idOrName);
  }
}

async function waitUntilAbsent(engine: EngineClient, id: string): Promise<void> {
  const startedAt = performance.now();
  while (performance.now() - startedAt < REMOVAL_LIMIT_MS) {
    try {
      await engine.read(`inspect ${id}`, () => engine.docker.getContainer(id).inspect());
    } catch (error) {
      if (isRefusal(error, 404)) return;
      throw error;
    }
    await delay(50);
  }
  throw new Error(`the engine does not finish removing container ${id}`);
}
