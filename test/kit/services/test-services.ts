import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { redisContainers } from '../../../libs/launcher/redis-container';
import { startPostgres, type LocalPostgres } from '../../../libs/local-services/postgres';
import { startRedis, type LocalRedis } from '../../../libs/local-services/redis';

/** The Postgres and Redis of one test run. */
export interface TestServices {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** For what workers share in this run; removed with the services. */
  readonly folder: string;
  stop(): Promise<void>;
}

/** A downloaded Redis is kept here between runs, and shared with `npm start`. */
export const REDIS_CACHE = resolve(__dirname, '../../../.crewtab/redis');

const quiet = (): void => undefined;

/** A temporary folder that the user `postgres` can walk through too. */
export async function makeServiceFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'crewtab-test-'));
  await chmod(folder, 0o711);
  return folder;
}

/**
 * Starts what no address is given for, both at once. Nothing of it is durable. When one fails, the other is stopped.
 */
export async function startTestServices(given: {
  readonly databaseUrl?: string | undefined;
  readonly redisUrl?: string | undefined;
}): Promise<TestServices> {
  const folder = await makeServiceFolder();
  const started = await Promise.allSettled([
    given.databaseUrl === undefined ? startTestPostgres(folder) : null,
    given.redisUrl === undefined ? startTestRedisServer(folder) : null,
  ]);
  const stop = async (): Promise<void> => {
    for (const one of started) if (one.status === 'fulfilled') await one.value?.stop();
    await rm(folder, { recursive: true, force: true });
  };
  const failed = started.find((one) => one.status === 'rejected');
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  const [postgres, redis] = started.map((one) => (one.status === 'fulfilled' ? one.value : null));
  return {
    databaseUrl: given.databaseUrl ?? postgres?.url ?? '',
    redisUrl: given.redisUrl ?? redis?.url ?? '',
    folder,
    stop,
  };
}

export function startTestPostgres(folder: string, port?: number): Promise<LocalPostgres> {
  return startPostgres({
    dataDir: join(folder, 'postgres'),
    isDurable: false,
    log: quiet,
    ...(port === undefined ? {} : { port }),
  });
}

export function startTestRedisServer(folder: string, port?: number): Promise<LocalRedis> {
  return startRedis({
    dataDir: join(folder, 'redis'),
    cacheDir: REDIS_CACHE,
    isDurable: false,
    env: process.env,
    runContainer: redisContainers(process.env),
    log: quiet,
    ...(port === undefined ? {} : { port }),
  });
}
