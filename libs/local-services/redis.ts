import { randomBytes, createHash } from 'node:crypto';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { claimFolder, type FolderClaim } from './data-folder';
import { findFreePort } from './free-port';
import { SupervisedServer, stopLeftover, type StopPlan } from './supervised-server';
import { pingRedis } from './redis-ping';
import type { RedisProgram } from './redis-download';
import { findRedisProgram } from './redis-program';
import { LocalServiceError, systemErrorCode, type ProgressLog } from './service-error';
import { waitUntil } from './wait-until';

export interface RedisOptions {
  /** Everything of this Redis lies here: data, password (in redis.conf, 0600), log, a downloaded server. */
  readonly dataDir: string;
  readonly log: ProgressLog;
  /** The process's environment: its PATH. */
  readonly env: NodeJS.ProcessEnv;
  /** Without it: the port of the last start if that is free, otherwise any free one. */
  readonly port?: number;
  /** Default true: every write is in the append-only file within a second. False keeps nothing; for tests. */
  readonly isDurable?: boolean;
  /** Where a downloaded server is kept; default `dataDir`. */
  readonly cacheDir?: string;
  /** For the container, where there is no server on this machine; default redis:7-alpine. */
  readonly image?: string;
  /** Where there is no server on this machine. Answers null where there is no engine on it either. */
  readonly runContainer: RunRedisContainer;
}

export interface RedisContainerSpec {
  readonly image: string;
  readonly name: string;
  /** On 127.0.0.1. */
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Arguments of redis-server. */
  readonly args: readonly string[];
  /** Volume for /data; null keeps the data in the container, gone with it. */
  readonly volume: string | null;
  readonly log: ProgressLog;
}

/** A container that runs; whether Redis answers in it is not said. */
export interface RedisContainer {
  /** Stops and removes the container; a volume stays. Bounded; idempotent. */
  remove(): Promise<void>;
}

export type RunRedisContainer = (spec: RedisContainerSpec) => Promise<RedisContainer | null>;

export interface LocalRedis {
  readonly url: string;
  readonly port: number;
  /** Of the server process; null when it runs in a container. */
  readonly pid: number | null;
  /** Orderly shutdown with the data saved; bounded by 20 s; idempotent. */
  stop(): Promise<void>;
}

const REDIS_IMAGE = 'redis:7-alpine';
const READY_TIMEOUT_MS = 60_000;
const ORDERLY: StopPlan = [{ signal: 'SIGTERM', waitMs: 10_000 }];

/**
 * Starts a Redis of our own on loopback: the `redis-server` or `valkey-server` of this machine, else the one in
 * Debian's packages, else a container where an engine answers. Data of an earlier start is found again; a server that
 * a killed start left running is stopped first.
 *
 * Redis holds nothing that Postgres cannot restore, so data that this server cannot read (written by a newer one,
 * damaged) is moved aside with a word about it, and Redis starts empty.
 * @throws LocalServiceError when no server is to be had or it does not start; nothing is left running then.
 */
export async function startRedis(options: RedisOptions): Promise<LocalRedis> {
  const claim = await claimFolder(options.dataDir, 'the Redis data');
  try {
    if (await stopLeftover(options.dataDir, ORDERLY)) options.log('stopped the Redis of an earlier start');
    const program = await findRedisProgram(options.cacheDir ?? options.dataDir, options.env, options.log);
    const password = await ensurePassword(options.dataDir);
    if (program === null) return await startInContainer(options, password, claim);
    const { server, port } = await startOnSomePort(program, password, options);
    return handle(port, password, server.pid, claim, () => server.stop(ORDERLY));
  } catch (error) {
    await claim.release();
    throw error;
  }
}

function handle(
  port: number,
  password: string,
  pid: number | null,
  claim: FolderClaim,
  stopServer: () => Promise<void>,
): LocalRedis {
  const stop = async (): Promise<void> => {
    await stopServer();
    await claim.release();
  };
  return { url: `redis://:${password}@127.0.0.1:${port}`, port, pid, stop };
}

async function ensurePassword(dataDir: string): Promise<string> {
  const file = join(dataDir, 'password');
  const present = await readFile(file, 'utf8').catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return '';
    throw error;
  });
  if (present.trim() !== '') return present.trim();
  const password = randomBytes(24).toString('base64url');
  await writeFile(file, `${password}\n`, { mode: 0o600 });
  return password;
}

async function startOnSomePort(
  program: RedisProgram,
  password: string,
  options: RedisOptions,
): Promise<{ server: SupervisedServer; port: number }> {
  const portFile = join(options.dataDir, 'port');
  let preferred = options.port ?? (await lastPort(portFile));
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await findFreePort(preferred));
    const server = await launch(program, port, password, options);
    if (await becomesReady(server, port, password)) {
      await writeFile(portFile, String(port));
      return { server, port };
    }
    const words = await server.outputTail();
    await server.stop(ORDERLY);
    const isPortTaken = /Address already in use|Could not create server TCP/i.test(words);
    if (isPortTaken) preferred = undefined;
    const mayRetry = attempt < 5 && (isPortTaken ? options.port === undefined : await movedAside(words, options));
    if (!mayRetry) throw startError(words, port, isPortTaken, options);
  }
}

async function lastPort(file: string): Promise<number | undefined> {
  const port = Number.parseInt(await readFile(file, 'utf8').catch(() => ''), 10);
  return Number.isInteger(port) ? port : undefined;
}

async function launch(
  program: RedisProgram,
  port: number,
  password: string,
  options: RedisOptions,
): Promise<SupervisedServer> {
  const isDurable = options.isDurable ?? true;
  const config = join(options.dataDir, 'redis.conf');
  // In a file, as everybody on the machine can read the arguments of a process.
  const settings = [
    ...redisSettings(isDurable),
    ['requirepass', password],
    ['bind', '127.0.0.1'],
    ['port', String(port)],
  ];
  await writeFile(config, `${settings.map((setting) => setting.join(' ')).join('\n')}\n`, { mode: 0o600 });
  return SupervisedServer.start({
    file: program.file,
    args: [config],
    cwd: options.dataDir,
    env: program.libraryPath === null ? {} : { LD_LIBRARY_PATH: program.libraryPath },
    folder: options.dataDir,
  });
}

/** Settings that are the same in a process and in a container. BullMQ needs `noeviction`. */
function redisSettings(isDurable: boolean): string[][] {
  return [
    ['appendonly', isDurable ? 'yes' : 'no'],
    ['appendfsync', 'everysec'],
    ['save', '""'],
    ['maxmemory-policy', 'noeviction'],
  ];
}

async function becomesReady(server: SupervisedServer, port: number, password: string): Promise<boolean> {
  let isReady = false;
  await waitUntil(async () => {
    isReady = !server.hasExited && (await pingRedis(port, password)) === 'ready';
    return isReady || server.hasExited;
  }, READY_TIMEOUT_MS);
  return isReady && !server.hasExited;
}

/** Moves data away that the server said it cannot read. False: that was not the trouble, or there is none. */
async function movedAside(words: string, options: RedisOptions): Promise<boolean> {
  if (!/append only file|AOF|RDB|Bad file format/i.test(words)) return false;
  const data = join(options.dataDir, 'appendonlydir');
  if ((await stat(data).catch(() => null)) === null) return false;
  const aside = `${data}.unreadable-${new Date().toISOString().replaceAll(/[:.]/g, '')}`;
  await rename(data, aside);
  options.log(`Redis could not read its data; moved to ${aside}, everything comes back from Postgres`);
  return true;
}

async function startInContainer(options: RedisOptions, password: string, claim: FolderClaim): Promise<LocalRedis> {
  const port = options.port ?? (await findFreePort(await lastPort(join(options.dataDir, 'port'))));
  const name = `crewtab-redis-${createHash('sha256').update(options.dataDir).digest('hex').slice(0, 12)}`;
  const isDurable = options.isDurable ?? true;
  // Whatever the image's working directory is, the data belongs where the volume is.
  const place = isDurable ? [['dir', '/data']] : [];
  const settings = [...redisSettings(isDurable), ...place, ['requirepass', password]];
  const container = await options.runContainer({
    image: options.image ?? REDIS_IMAGE,
    name,
    port,
    labels: { 'crewtab.service': 'redis' },
    args: settings.flatMap(([key, value]) => [`--${key ?? ''}`, value === '""' ? '' : (value ?? '')]),
    volume: isDurable ? name : null,
    log: options.log,
  });
  if (container === null) {
    throw new LocalServiceError(
      'there is no redis-server on this machine',
      `${installHint()}, or use one of your own: REDIS_URL=redis://… npm start`,
    );
  }
  if (!(await waitUntil(async () => (await pingRedis(port, password)) === 'ready', READY_TIMEOUT_MS))) {
    await container.remove();
    throw new LocalServiceError(
      `Redis in the container ${name} does not answer`,
      'set REDIS_URL to a Redis of your own',
    );
  }
  await writeFile(join(options.dataDir, 'port'), String(port));
  return handle(port, password, null, claim, () => container.remove());
}

function installHint(): string {
  if (process.platform === 'darwin') return 'brew install redis';
  if (process.platform === 'win32') return 'start Docker Desktop';
  return "install your system's package redis or valkey, or start Docker";
}

function startError(words: string, port: number, isPortTaken: boolean, options: RedisOptions): LocalServiceError {
  if (isPortTaken) {
    return new LocalServiceError(
      `port ${port} for Redis is already in use`,
      'stop what listens there, or choose another port',
    );
  }
  return new LocalServiceError(
    `Redis did not start (${words})`,
    `read ${join(options.dataDir, 'server.log')}, or use a Redis of your own: REDIS_URL=redis://… npm start`,
  );
}
