import { shareCalls, queueSettings } from './bullmq-queues';
import { silentLogger } from '@test/fakes/silent-logger';

/** Work that ends when the test says so. */
function controlledWork() {
  const calls: { resolve: (answer: number) => void; reject: (error: Error) => void }[] = [];
  const shared = shareCalls(() => new Promise<number>((resolve, reject) => void calls.push({ resolve, reject })));
  return { calls, shared };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('begins at once when nothing is at work', async () => {
  const { calls, shared } = controlledWork();
  const answer = shared();
  expect(calls).toHaveLength(1);
  calls[0]?.resolve(1);
  await expect(answer).resolves.toBe(1);
  void shared();
  expect(calls).toHaveLength(2);
});

it('gives all that come meanwhile one further call, which begins after them', async () => {
  const { calls, shared } = controlledWork();
  const first = shared();
  const later = [shared(), shared(), shared()];
  expect(calls).toHaveLength(1);
  calls[0]?.resolve(1);
  await first;
  await settle();
  expect(calls).toHaveLength(2);
  const latest = shared();
  calls[1]?.resolve(2);
  await expect(Promise.all(later)).resolves.toEqual([2, 2, 2]);
  await settle();
  expect(calls).toHaveLength(3);
  calls[2]?.resolve(3);
  await expect(latest).resolves.toBe(3);
});

it('tells an error to those whom the call served, and goes on', async () => {
  const { calls, shared } = controlledWork();
  const first = shared();
  const second = shared();
  calls[0]?.reject(new Error('no database'));
  await expect(first).rejects.toThrow('no database');
  await settle();
  calls[1]?.resolve(2);
  await expect(second).resolves.toBe(2);
});

it('lets workers ask for the version of Redis, since BullMQ otherwise waits in whole seconds', () => {
  const { workerOptions } = queueSettings({ redisUrl: 'redis://127.0.0.1:1', logger: silentLogger });
  expect(workerOptions).not.toHaveProperty('skipVersionCheck');
});
