import { setTimeout as delay } from 'node:timers/promises';
import { DockerHttpError, type DockerHttp } from './docker-http';
import { hasImage, pullImage } from './docker-images';
import { LocalServiceError, type ProgressLog } from './service-error';

export interface RedisContainerOptions {
  readonly engine: DockerHttp;
  readonly image: string;
  /** Name of the container; one of that name that is there already is removed first. */
  readonly name: string;
  /** On 127.0.0.1 of the engine's machine. */
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Arguments of redis-server. */
  readonly args: readonly string[];
  /** Volume for /data; null keeps the data in the container, gone with it. */
  readonly volume: string | null;
  readonly log: ProgressLog;
}

export interface RedisContainer {
  readonly id: string;
  /** Stops and removes the container; a volume stays. Bounded by 30 s; idempotent. */
  remove(): Promise<void>;
}

/**
 * Runs redis-server in a container whose port is bound to loopback only. The image is pulled where it is absent.
 * The container is running when this returns; whether Redis answers is for the caller to ask.
 * @throws LocalServiceError when the image is not to be had; the engine's error otherwise.
 */
export async function startRedisContainer(options: RedisContainerOptions): Promise<RedisContainer> {
  const { engine } = options;
  await ensureImage(engine, options.image, options.log);
  await removeContainer(engine, options.name);
  const created = await engine.call({
    method: 'POST',
    path: `/containers/create?name=${encodeURIComponent(options.name)}`,
    json: {
      Image: options.image,
      Cmd: ['redis-server', ...options.args],
      Labels: options.labels,
      ExposedPorts: { '6379/tcp': {} },
      HostConfig: {
        PortBindings: { '6379/tcp': [{ HostIp: '127.0.0.1', HostPort: String(options.port) }] },
        Binds: options.volume === null ? [] : [`${options.volume}:/data`],
      },
    },
  });
  const id = idOf(created);
  try {
    await engine.call({ method: 'POST', path: `/containers/${id}/start` });
  } catch (error) {
    await removeContainer(engine, id);
    throw error;
  }
  return { id, remove: () => removeContainer(engine, id) };
}

async function ensureImage(engine: DockerHttp, image: string, log: ProgressLog): Promise<void> {
  if (await hasImage(engine, image)) return;
  log(`pulling the image ${image}`);
  const words = await pullImage(engine, image);
  if (words !== null) {
    throw new LocalServiceError(
      `the image ${image} is not on this machine and cannot be pulled: ${words}`,
      'install redis-server, or use a Redis of your own: REDIS_URL=redis://… npm start',
    );
  }
}

async function removeContainer(engine: DockerHttp, idOrName: string): Promise<void> {
  const id = encodeURIComponent(idOrName);
  try {
    // SIGTERM first: Redis saves what it holds.
    await engine.call({ method: 'POST', path: `/containers/${id}/stop?t=5`, timeoutMs: 15_000 });
    await engine.call({ method: 'DELETE', path: `/containers/${id}?force=1`, timeoutMs: 15_000 });
  } catch (error) {
    if (!(error instanceof DockerHttpError)) throw error;
    if (error.status === 404) return;
    // 409: a removal of the same container is under way.
    if (error.status !== 409) throw error;
    await waitUntilAbsent(engine, id);
  }
}

async function waitUntilAbsent(engine: DockerHttp, id: string): Promise<void> {
  const startedAt = performance.now();
  while (performance.now() - startedAt < 10_000) {
    try {
      await engine.call({ path: `/containers/${id}/json` });
    } catch (error) {
      if (error instanceof DockerHttpError && error.status === 404) return;
      throw error;
    }
    await delay(50);
  }
  throw new Error(`the engine does not finish removing container ${id}`);
}

function idOf(answer: string): string {
  const value: unknown = JSON.parse(answer);
  if (typeof value === 'object' && value !== null && 'Id' in value) return String(value.Id);
  throw new Error('the engine created a container and gave no id');
}
