import { FakeClock } from '../fake-clock';
import { InMemoryRunStore } from './in-memory-run-store';
import { runStoreContract } from './run-store-contract';
import type { RunWish } from './run-store-fixture';

runStoreContract('InMemoryRunStore', () => {
  const store = new InMemoryRunStore(new FakeClock());
  const schedules = new Map<string, string>();
  const now = <T>(value: T): Promise<T> => Promise.resolve(value);
  return {
    store,
    addRun: ({ schedule, isExclusive = false, timeoutMs, scheduledFor }: RunWish = {}) => {
      const scheduleId = schedule && schedules.get(schedule);
      const run = store.addRun({
        isExclusive,
        ...(scheduleId && { scheduleId }),
        ...(timeoutMs && { plan: { timeoutMs } }),
        ...(scheduledFor && { scheduledFor }),
      });
      if (schedule) schedules.set(schedule, run.scheduleId);
      return now(run.id);
    },
    expireLease: (runId) => now(store.expireLease(runId)),
    passDeadline: (runId, agoMs, renewedMsAgo) => now(store.passDeadline(runId, agoMs, renewedMsAgo)),
    requestCancel: (runId) => now(store.requestCancel(runId)),
    messages: (runId) => now(store.messages(runId)),
    close: () => now(undefined),
  };
});

describe('InMemoryRunStore', () => {
  it('loses answers and goes silent when told to', async () => {
    const store = new InMemoryRunStore(new FakeClock());
    const { id } = store.addRun();
    store.loseAnswers('claim');
    const worker = { workerId: 'w', host: 'h' };
    await expect(store.claim(id, worker)).rejects.toMatchObject({ code: 'store_unreachable', retryable: true });
    expect(store.read(id).epoch).toBe(1);
    store.setUnreachable(true);
    await expect(store.lookUp([id])).rejects.toMatchObject({ code: 'store_unreachable' });
    store.setUnreachable(false);
    expect((await store.lookUp([id])).size).toBe(1);
  });
});
