import Redis from 'ioredis';
import { demoImage } from '../../kit/services/demo-image';
import { dockerEngine, dockerHost, describeWithDocker } from '../../kit/services/docker';
import { containersWithLabel, TEST_RUN_LABEL } from '../../kit/services/docker-leftovers';
import { startE2eRedis } from '../../kit/services/redis-container';

// Images are made on the way.
jest.setTimeout(120_000);

describeWithDocker('images and containers of the tests', () => {
  it('makes the demo image once', async () => {
    const [first, second] = await Promise.all([demoImage(), demoImage()]);

    expect(second).toBe(first);
    expect(JSON.parse(await dockerEngine().call({ path: `/images/${first}/json` }))).toMatchObject({
      RepoTags: [first],
    });
  });

  it('runs Redis in a container on loopback, and removes it', async () => {
    const redis = await startE2eRedis();
    const containers = (): Promise<unknown[]> =>
      containersWithLabel(dockerHost(), `${TEST_RUN_LABEL}=${process.env.CREWTAB_TEST_RUN ?? ''}`);
    try {
      const client = new Redis(redis.url);
      expect(await client.incr('seen')).toBe(1);
      expect(await client.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
      client.disconnect();
      expect(redis.image).toMatch(/redis/);
      expect(await containers()).toHaveLength(1);
    } finally {
      await redis.stop();
    }

    expect(await containers()).toEqual([]);
  });
});
