import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { findDockerEngine } from '@crewtab/launcher/docker-engine';
import { redisContainers } from '@crewtab/launcher/redis-container';
import { startPostgres } from '@crewtab/local-services/postgres';
import { startRedis } from '@crewtab/local-services/redis';
import type { BenchContext } from './bench';

export interface BenchServices extends BenchContext {
  stop(): Promise<void>;
}

/**
 * A Postgres and a Redis for this run alone, as durable as `npm start` makes them, on the project's own disk (a /tmp in
 * memory would make every commit free). Their data is removed in the end.
 */
export async function startServices(log: (line: string) => void): Promise<BenchServices> {
  const crewtabDir = resolve('.crewtab');
  const folder = join(crewtabDir, `bench-${process.pid}`);
  const stops: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })];
  const stop = async (): Promise<void> => {
    for (let next = stops.pop(); next; next = stops.pop()) await next();
  };
  try {
    const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), log });
    stops.push(() => postgres.stop());
    const redisOptions = { dataDir: join(folder, 'redis'), cacheDir: join(crewtabDir, 'redis') };
    const redis = await startRedis({
      ...redisOptions,
      env: process.env,
      log,
      runContainer: redisContainers(process.env),
    });
    stops.push(() => redis.stop());
    const engine = await findDockerEngine(process.env);
    if (!engine.isReachable) log(`no container engine answers (${engine.reason}): what needs one is left out`);
    const dockerHost = engine.isReachable ? engine.dockerHost : null;
    return { adminUrl: postgres.url, redisUrl: redis.url, dockerHost, log, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
