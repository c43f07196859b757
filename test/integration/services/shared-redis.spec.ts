import Redis from 'ioredis';
import { BullmqRunQueue, openQueue, queueSettings, RUNS_QUEUE, writeMark } from '@crewtab/queue-bullmq/bullmq-queues';
import { silentLogger } from '../../fakes/silent-logger';
import { startOwnRedis, type OwnServer } from '../../kit/services/own-servers';

let redis: OwnServer;

beforeAll(async () => (redis = await startOwnRedis()));
afterAll(() => redis.remove());

const settingsOf = (prefix: string) => queueSettings({ redisUrl: redis.url, prefix, logger: silentLogger });

it('has the jobs of two installations apart, where each has a prefix of its own', async () => {
  const queue = BullmqRunQueue.open(settingsOf('first'));
  const [own, other] = [openQueue(RUNS_QUEUE, settingsOf('first')), openQueue(RUNS_QUEUE, settingsOf('second'))];
  try {
    await queue.offerRuns(['run-1']);
    expect(await own.getJobCountByTypes('waiting')).toBe(1);
    expect(await other.getJobCountByTypes('waiting')).toBe(0);
  } finally {
    await Promise.all([queue.close(), own.close(), other.close()]);
  }
});

it('is not ready while it is full, though it answers questions', async () => {
  const runs = openQueue(RUNS_QUEUE, settingsOf('crewtab'));
  const admin = new Redis(redis.url);
  try {
    await writeMark(runs);
    await admin.config('SET', 'maxmemory', '1');
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    expect(await runs.getJobCountByTypes('waiting')).toBe(0);
    await expect(writeMark(runs)).rejects.toThrow('OOM');
    await admin.config('SET', 'maxmemory', '0');
    await writeMark(runs);
  } finally {
    await Promise.all([runs.close(), admin.quit()]);
  }
});
