import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { messageOf, systemErrorCode } from '../local-services/service-error';
import { settingsFrom } from '../runtime-docker/docker-options';
import { EngineClient } from '../runtime-docker/engine/engine-client';

export type DockerEngine =
  | { readonly isReachable: true; readonly dockerHost: string }
  | {
      readonly isReachable: false;
      /** One line for people: where it was looked for and what came of it. */
      readonly reason: string;
    };

const PING_LIMIT_MS = 2_000;

/**
 * Looks for a container engine: DOCKER_HOST if that is set and nothing else, otherwise the context chosen with
 * `docker context use` and the sockets where Docker, rootless Docker, Docker Desktop, Colima, OrbStack, Rancher Desktop
 * and Podman listen. The first one that answers a ping within 2 s is taken.
 */
export async function findDockerEngine(env: NodeJS.ProcessEnv): Promise<DockerEngine> {
  const named = env.DOCKER_HOST;
  if (named !== undefined && named !== '') {
    const reason = await pingDockerEngine(named);
    if (reason === null) return { isReachable: true, dockerHost: named };
    return { isReachable: false, reason: `DOCKER_HOST=${named}: ${reason}` };
  }
  const reasons: string[] = [];
  for (const dockerHost of await usualHosts(env)) {
    if (dockerHost.startsWith('unix://') && !existsSync(dockerHost.slice('unix://'.length))) continue;
    const reason = await pingDockerEngine(dockerHost);
    if (reason === null) return { isReachable: true, dockerHost };
    reasons.push(`${dockerHost}: ${reason}`);
  }
  const nothing = 'no Docker socket found on this machine (set DOCKER_HOST if yours is elsewhere)';
  return { isReachable: false, reason: reasons.length === 0 ? nothing : reasons.join('; ') };
}

/** @returns null when the engine answers, otherwise why not. */
export async function pingDockerEngine(dockerHost: string): Promise<string | null> {
  if (!/^(unix|npipe|tcp|https?):/.test(dockerHost)) return `DOCKER_HOST of this form is not supported: ${dockerHost}`;
  const engine = new EngineClient(dockerHost, settingsFrom({ dockerHost, limits: { readMs: PING_LIMIT_MS } }));
  try {
    await engine.read('ping', () => engine.docker.ping());
    return null;
  } catch (error) {
    return whyUnreachable(error);
  } finally {
    engine.close();
  }
}

function whyUnreachable(error: unknown): string {
  const cause = error instanceof Error ? error.cause : error;
  // It is the limit that has no cause.
  if (cause === undefined) return `no answer within ${PING_LIMIT_MS} ms`;
  switch (systemErrorCode(cause)) {
    case 'EACCES':
      return 'this user may not use it (sudo usermod -aG docker "$USER", then log in again)';
    case 'ECONNREFUSED':
      return 'nothing listens there: the engine is not started';
    case 'ENOENT':
      return 'there is no such socket';
    default:
      return messageOf(cause);
  }
}

async function usualHosts(env: NodeJS.ProcessEnv): Promise<string[]> {
  if (process.platform === 'win32') return ['npipe:////./pipe/docker_engine'];
  const home = env.HOME ?? homedir();
  const runtime = env.XDG_RUNTIME_DIR;
  const sockets = [
    '/var/run/docker.sock',
    ...(runtime === undefined ? [] : [join(runtime, 'docker.sock')]),
    join(home, '.docker/run/docker.sock'),
    join(home, '.docker/desktop/docker.sock'),
    join(home, '.colima/default/docker.sock'),
    join(home, '.orbstack/run/docker.sock'),
    join(home, '.rd/docker.sock'),
    ...(runtime === undefined ? [] : [join(runtime, 'podman/podman.sock')]),
    join(home, '.local/share/containers/podman/machine/podman.sock'),
  ].map((path) => `unix://${path}`);
  const chosen = await contextHost(join(env.DOCKER_CONFIG ?? join(home, '.docker')));
  return [...new Set([...(chosen === null ? [] : [chosen]), ...sockets])];
}

/** The endpoint of the context that `docker context use` chose, or null when there is none. */
async function contextHost(configFolder: string): Promise<string | null> {
  const config = await readJson(join(configFolder, 'config.json'));
  const name = field(config, 'currentContext');
  if (typeof name !== 'string' || name === 'default') return null;
  const id = createHash('sha256').update(name).digest('hex');
  const meta = await readJson(join(configFolder, 'contexts/meta', id, 'meta.json'));
  const host = field(field(field(meta, 'Endpoints'), 'docker'), 'Host');
  return typeof host === 'string' && host !== '' ? host : null;
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    // Absent or broken: the same as not chosen.
    return null;
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
