import { silentLogger } from '@test/fakes/silent-logger';
import { queueSettings } from './bullmq-run-queue';

it('lets workers ask for the version of Redis, since BullMQ otherwise waits in whole seconds', () => {
  const { workerOptions } = queueSettings({ redisUrl: 'redis://127.0.0.1:1', logger: silentLogger });
  expect(workerOptions).not.toHaveProperty('skipVersionCheck');
});
