import type { InMemoryRunStore } from './in-memory-run-store';
import type { RunStoreSubject, RunWish } from '../../contracts/stores/run-store-fixture';

/** The in-memory store as the contract suites want it. */
export function inMemorySubject(store: InMemoryRunStore): RunStoreSubject {
  const schedules = new Map<string, string>();
  const now = <T>(value: T): Promise<T> => Promise.resolve(value);
  return {
    store,
    addRun: ({
      schedule,
      isExclusive = false,
      timeoutMs,
      scheduledFor,
      verify,
      artifacts,
      workspace,
    }: RunWish = {}) => {
      const scheduleId = schedule && schedules.get(schedule);
      const run = store.addRun({
        isExclusive,
        ...(scheduleId && { scheduleId }),
        plan: {
          ...(timeoutMs && { timeoutMs }),
          ...(verify && { verify }),
          ...(artifacts && { artifacts }),
          ...(workspace && { workspace }),
        },
        ...(scheduledFor && { scheduledFor }),
      });
      if (schedule && run.scheduleId !== null) schedules.set(schedule, run.scheduleId);
      return now(run.id);
    },
    expireLease: (runId) => now(store.expireLease(runId)),
    passDeadline: (runId, agoMs, renewedMsAgo) => now(store.passDeadline(runId, agoMs, renewedMsAgo)),
    requestCancel: (runId) => now(store.requestCancel(runId)),
    messages: (runId) => now(store.messages(runId)),
    close: () => now(undefined),
  };
}
