import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Redis from 'ioredis';
import { redisContainers } from '@crewtab/launcher/redis-container';
import { identifyProcess } from '@crewtab/local-services/process-identity';
import { pingRedis } from '@crewtab/local-services/redis-ping';
import { startRedis, type LocalRedis, type RedisOptions } from '@crewtab/local-services/redis';
import { describeWithDocker, dockerEngine, dockerHost } from '../../kit/services/docker';
import { testRedisImage } from '../../kit/services/redis-container';
import { makeServiceFolder, REDIS_CACHE } from '../../kit/services/test-services';

jest.setTimeout(60_000);

let folder: string;
let dataDir: string;
let lines: string[];
const started: LocalRedis[] = [];

beforeEach(async () => {
  folder = await makeServiceFolder();
  dataDir = join(folder, 'redis');
  lines = [];
});

afterEach(async () => {
  for (const redis of started.splice(0)) await redis.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(options: Partial<RedisOptions> = {}): Promise<LocalRedis> {
  const redis = await startRedis({
    dataDir,
    cacheDir: REDIS_CACHE,
    env: process.env,
    log: (line) => lines.push(line),
    runContainer: redisContainers(options.env ?? process.env),
    ...options,
  });
  started.push(redis);
  return redis;
}

async function ask<T>(url: string, question: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url);
  try {
    return await question(client);
  } finally {
    client.disconnect();
  }
}

describe('a Redis of our own', () => {
  it('finds everything again at the second start, on the same port', async () => {
    const first = await start();
    await ask(first.url, (client) => client.set('kept', '42'));
    await first.stop();

    const second = await start();

    expect(second.url).toBe(first.url);
    expect(await ask(second.url, (client) => client.get('kept'))).toBe('42');
  });

  it('is set up for BullMQ: never evicts, appends every write', async () => {
    const redis = await start();

    const setting = (name: string): Promise<unknown> => ask(redis.url, (client) => client.config('GET', name));
    expect(await setting('maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
    expect(await setting('appendonly')).toEqual(['appendonly', 'yes']);
    expect(await setting('bind')).toEqual(['bind', '127.0.0.1']);
  });

  it('answers no client with another password, which only this user can read', async () => {
    const redis = await start();

    expect(await pingRedis(redis.port, 'guessed')).toBe('denied');
    expect((await stat(join(dataDir, 'redis.conf'))).mode & 0o777).toBe(0o600);
  });

  it('comes back with its data after its server was killed', async () => {
    const first = await start();
    await ask(first.url, (client) => client.set('kept', '7'));
    process.kill(first.pid ?? 0, 'SIGKILL');
    await first.stop();

    const second = await start();

    expect(await ask(second.url, (client) => client.get('kept'))).toBe('7');
  });

  it('stops a server that was left running on its data', async () => {
    const first = await start();
    // What a killed starter leaves running when its guard was killed too.
    await rm(join(dataDir, 'owner.json'));

    await start();

    expect(lines).toContain('stopped the Redis of an earlier start');
    expect(await identifyProcess(first.pid ?? 0)).toBeNull();
  });

  it('starts empty beside data that it cannot read, and keeps that data', async () => {
    await (await start()).stop();
    await writeFile(join(dataDir, 'appendonlydir/appendonly.aof.manifest'), 'not a manifest\n');

    const redis = await start();

    expect(await ask(redis.url, (client) => client.dbsize())).toBe(0);
    expect(lines.join()).toMatch(/could not read its data; moved to/);
    expect((await readdir(dataDir)).filter((name) => name.startsWith('appendonlydir.unreadable-'))).toHaveLength(1);
  });

  it('says so when its port is taken', async () => {
    const first = await start();

    await expect(start({ dataDir: join(folder, 'another'), port: first.port })).rejects.toMatchObject({
      message: `port ${first.port} for Redis is already in use`,
    });
  });

  it('says what to do where there is neither a Redis, nor apt, nor Docker', async () => {
    const env = { PATH: folder, DOCKER_HOST: `unix://${join(folder, 'docker.sock')}` };

    await expect(start({ env, cacheDir: join(folder, 'cache') })).rejects.toMatchObject({
      message: 'there is no redis-server on this machine',
      hint: expect.stringContaining('REDIS_URL='),
    });
  });

  it('says what apt said where the package cannot be fetched', async () => {
    const bin = join(folder, 'bin');
    execFileSync('mkdir', [bin]);
    for (const name of ['apt-get', 'dpkg-deb']) {
      await writeFile(join(bin, name), '#!/bin/sh\necho "E: Unable to locate package redis-server" >&2\nexit 100\n', {
        mode: 0o755,
      });
    }

    await expect(start({ env: { PATH: `${bin}` }, cacheDir: join(folder, 'cache') })).rejects.toMatchObject({
      message: expect.stringContaining('Unable to locate package redis-server'),
      hint: expect.stringContaining('apt-get install redis-server'),
    });
  });
});

describeWithDocker('a Redis of our own where only a container engine is there', () => {
  it('runs in a container and finds everything again at the second start', async () => {
    const engine = dockerEngine();
    const options = {
      env: { PATH: folder, DOCKER_HOST: dockerHost() },
      cacheDir: join(folder, 'cache'),
      image: await testRedisImage(),
    };
    const first = await start(options);
    await ask(first.url, (client) => client.set('kept', '42'));
    await first.stop();

    const second = await start(options);

    expect(second.url).toBe(first.url);
    expect(second.pid).toBeNull();
    expect(await ask(second.url, (client) => client.get('kept'))).toBe('42');
    await second.stop();
    const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 12);
    await engine.call({ method: 'DELETE', path: `/volumes/crewtab-redis-${hash}` });
  });
});
