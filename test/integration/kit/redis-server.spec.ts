import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Redis from 'ioredis';
import { RedisServer } from '../../kit/servers/redis-server';

/** For each key, microseconds: a save in the background that is surely still at work. */
const SLOW_SAVE = '1000000';

describe("chaos' Redis", () => {
  let folder: string;
  let server: RedisServer;
  let redis: Redis;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crewtab-redis-server-'));
    server = await RedisServer.start(folder);
    redis = new Redis(server.urlAt(server.port));
  });

  afterAll(async () => {
    redis.disconnect();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('keeps its state for later also while it saves by itself', async () => {
    await redis.mset('one', '1', 'two', '2');
    await redis.config('SET', 'rdb-key-save-delay', SLOW_SAVE);
    await redis.bgsave();
    // The child that saves has its own settings now.
    await redis.config('SET', 'rdb-key-save-delay', '0');
    await redis.set('three', '3');

    await server.keepSnapshot();
    await redis.flushall();
    await server.kill();
    expect(await server.restore()).toBe(true);
    await server.restart();

    expect(await redis.mget('one', 'two', 'three')).toEqual(['1', '2', '3']);
  });
});
