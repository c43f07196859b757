import type { DeletedBatch, HistoryKind } from '@crewtab/domain/ports/retention-store';
import { FakeClock } from '@test/fakes/fake-clock';
import { silentLogger } from '@test/fakes/silent-logger';
import { HistoryRetention, type Retention } from './history-retention';

const HOUR_MS = 3_600_000;

interface Call {
  readonly kind: HistoryKind;
  readonly minAgeMs: number;
  readonly after: string | null;
}

/** Answers the given batches one after the other; the last one is the end. */
function subject(retention: Retention, batches: readonly DeletedBatch[], isAlone = true) {
  const clock = new FakeClock();
  const calls: Call[] = [];
  const left = [...batches];
  const history = {
    deleteHistory: (kind: HistoryKind, minAgeMs: number, _limit: number, after: string | null) => {
      calls.push({ kind, minAgeMs, after });
      return Promise.resolve(left.shift() ?? { runs: 0, messages: 0, events: 0, next: null });
    },
  };
  const fires = {
    withSingleWriter: async (_name: string, work: () => Promise<void>) => {
      if (isAlone) await work();
      return isAlone;
    },
  };
  const deleted: DeletedBatch[] = [];
  const onDeleted = (batch: DeletedBatch): void => void deleted.push(batch);
  const sut = new HistoryRetention({ history, fires, clock, logger: silentLogger, onDeleted }, retention);
  return { sut, clock, calls, deleted };
}

/** Lets pauses pass until the work is over. */
async function settle<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  let isOver = false;
  const over = work.finally(() => (isOver = true));
  for (let turn = 0; turn < 2_000 && !isOver; turn++) {
    await new Promise(setImmediate);
    if (!isOver) await clock.advance(100);
  }
  return over;
}

describe('the retention of history', () => {
  it('deletes batch after batch, each from where the last one ended', async () => {
    const { sut, clock, calls, deleted } = subject({ messages: null, events: null, runs: 2 * HOUR_MS }, [
      { runs: 10, messages: 990, events: 0, next: 'a' },
      { runs: 3, messages: 7, events: 0, next: null },
    ]);
    expect(await settle(clock, sut.deleteOld())).toEqual({ runs: 13, messages: 997, events: 0 });
    expect(calls).toEqual([
      { kind: 'runs', minAgeMs: 2 * HOUR_MS, after: null },
      { kind: 'runs', minAgeMs: 2 * HOUR_MS, after: 'a' },
    ]);
    expect(deleted.map(({ runs }) => runs)).toEqual([10, 3]);
  });

  it('deletes conversations, runs and events, each by its own age', async () => {
    const { sut, clock, calls } = subject({ messages: HOUR_MS, runs: 5 * HOUR_MS, events: 9 * HOUR_MS }, []);
    await settle(clock, sut.deleteOld());
    expect(calls.map(({ kind, minAgeMs }) => [kind, minAgeMs])).toEqual([
      ['messages', HOUR_MS],
      ['runs', 5 * HOUR_MS],
      ['events', 9 * HOUR_MS],
    ]);
  });

  it('leaves the rest to the next iteration after a minute', async () => {
    const endless = Array.from({ length: 2_000 }, (_, n) => ({ runs: 1, messages: 0, events: 0, next: `${n}` }));
    const { sut, clock, calls } = subject({ messages: null, events: null, runs: HOUR_MS }, endless);
    await settle(clock, sut.deleteOld());
    expect(calls.length).toBeGreaterThan(500);
    expect(calls.length).toBeLessThanOrEqual(601);
  });

  it('does nothing while another process does it', async () => {
    const { sut, clock, calls } = subject({ messages: HOUR_MS, runs: HOUR_MS, events: null }, [], false);
    expect(await settle(clock, sut.deleteOld())).toEqual({ runs: 0, messages: 0, events: 0 });
    expect(calls).toEqual([]);
  });

  it('never begins without a setting', async () => {
    const { sut, clock, calls } = subject({ messages: null, events: null, runs: null }, []);
    sut.start();
    await clock.advance(HOUR_MS);
    expect(calls).toEqual([]);
  });

  it('ends after the batch under way when it is stopped', async () => {
    const { sut, clock, calls } = subject({ messages: null, events: null, runs: HOUR_MS }, [
      { runs: 1, messages: 0, events: 0, next: 'a' },
      { runs: 1, messages: 0, events: 0, next: 'b' },
    ]);
    const work = sut.deleteOld();
    await new Promise(setImmediate);
    const stopped = sut.stop();
    await settle(clock, Promise.all([work, stopped]));
    expect(calls).toHaveLength(1);
  });
});
