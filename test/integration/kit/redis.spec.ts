import Redis from 'ioredis';
import { startOwnPostgres, startOwnRedis } from '../../kit/services/own-servers';
import { createTestRedis } from '../../kit/services/redis';

jest.setTimeout(60_000);

describe('the Redis of a test', () => {
  it('removes the keys of its prefix and no others', async () => {
    const [mine, other] = [createTestRedis(), createTestRedis()];
    const client = new Redis(mine.url);
    await client.mset(`${mine.prefix}:a`, 1, `${mine.prefix}:b`, 2, `${other.prefix}:a`, 3);

    await mine.remove();

    expect(await client.exists(`${mine.prefix}:a`, `${mine.prefix}:b`)).toBe(0);
    expect(await client.exists(`${other.prefix}:a`)).toBe(1);
    await other.remove();
    client.disconnect();
  });
});

describe('a server of its own', () => {
  it.each([
    ['Redis', startOwnRedis],
    ['Postgres', startOwnPostgres],
  ])('%s can be killed and comes back at the same address', async (_name, startOwn) => {
    const server = await startOwn();
    const { url } = server;

    await server.kill();
    await server.restart();

    expect(server.url).toBe(url);
    await server.remove();
  });
});
