import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { queueSettings } from '@crewtab/queue-bullmq/bullmq-queues';
import { silentLogger } from '../../fakes/silent-logger';
import { Queue } from 'bullmq';
import { KEYS, startHttp, type HttpFixture } from '../../../apps/scheduler/src/http/http-fixture';
import { createTestRedis, type TestRedis } from '../../kit/services/redis';

let redis: TestRedis;
let queue: Queue;
let http: HttpFixture;

beforeAll(async () => {
  redis = createTestRedis();
  queue = new Queue(
    'runs',
    queueSettings({ redisUrl: redis.url, prefix: redis.prefix, logger: silentLogger }).producerOptions,
  );
  await queue.add('run', { runId: 'r-1' }, { jobId: 'r-1' });
  http = await startHttp({ deps: { bullBoardQueues: [new BullMQAdapter(queue, { readOnlyMode: true })] } });
});
afterAll(async () => {
  await http.app.close();
  await queue.close();
  await redis.remove();
});

it('shows the jobs of a real queue to an admin, and changes none', async () => {
  const list = await http.call('get', '/queues/api/queues?activeQueue=runs&page=1&jobsPerPage=10').expect(200);
  expect(list.body).toMatchObject({ queues: [{ name: 'runs', readOnlyMode: true, counts: { waiting: 1 } }] });
  expect((await http.call('get', '/queues/api/queues/runs/r-1').expect(200)).body).toMatchObject({
    job: { id: 'r-1', data: { runId: 'r-1' } },
  });
  await http.call('put', '/queues/api/queues/runs/r-1/clean').expect(403);
  await http.call('put', '/queues/api/queues/runs/pause').expect(403);
  await http.call('get', '/queues', KEYS.member).expect(403);
  expect(await queue.getWaitingCount()).toBe(1);
  expect(await queue.isPaused()).toBe(false);
});
