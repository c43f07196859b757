import { AppError } from '@crewtab/domain/errors';
import { FakeClock } from '@test/fakes/fake-clock';
import { RecordingLogger } from '@test/fakes/recording-logger';
import { InMemoryRunStore } from '@test/fakes/stores/in-memory-run-store';
import { RunEventFeed } from './run-event-feed';

function makeWorld() {
  const clock = new FakeClock();
  const { events, ...store } = makeStore(clock);
  const seen: string[] = [];
  const logger = new RecordingLogger();
  const deps = { events, clock, logger, onEvents: (some: readonly { runId: string }[]) => seen.push(...idsOf(some)) };
  return { clock, events, logger, seen, deps, feed: new RunEventFeed(deps), ...store };
}

function makeStore(clock: FakeClock) {
  const runs = new InMemoryRunStore(clock);
  return { events: runs.events, addRun: () => runs.addRun().id };
}

const idsOf = (events: readonly { runId: string }[]): string[] => events.map(({ runId }) => runId);

describe('RunEventFeed', () => {
  it('numbers what was written before it started, and then what is written', async () => {
    const { clock, seen, feed, addRun } = makeWorld();
    const before = addRun();
    await feed.start();
    await clock.advance(0);
    expect(seen).toEqual([before]);
    const after = addRun();
    await clock.advance(0);
    expect(seen).toEqual([before, after]);
    await feed.stop();
  });

  it('shares the events with other feeds: each is told once', async () => {
    const { clock, seen, feed, addRun, deps } = makeWorld();
    const other = new RunEventFeed(deps);
    await Promise.all([feed.start(), other.start()]);
    const ids = Array.from({ length: 30 }, () => addRun());
    await clock.advance(0);
    expect(seen.toSorted()).toEqual(ids.toSorted());
    await Promise.all([feed.stop(), other.stop()]);
  });

  it('looks again by itself after a failure or a lost hint', async () => {
    const { clock, events, seen, feed, addRun, logger } = makeWorld();
    const number = events.number.bind(events);
    events.number = () => Promise.reject(new AppError('store_unreachable', 'gone', { retryable: true }));
    await feed.start();
    const id = addRun();
    await clock.advance(0);
    expect(seen).toEqual([]);
    expect(logger.messages('warn')).toContain('could not number events; trying again');
    events.number = number;
    await clock.advance(5_000);
    expect(seen).toEqual([id]);
    await feed.stop();
  });

  it('numbers nothing after it was stopped', async () => {
    const { clock, seen, feed, addRun } = makeWorld();
    await feed.start();
    await feed.stop();
    addRun();
    await clock.advance(10_000);
    expect(seen).toEqual([]);
  });
});
