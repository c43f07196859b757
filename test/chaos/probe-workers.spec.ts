import { probeWorkers, type ProbedWorker } from './probe-workers';

const SINCE = new Date('2026-06-01T12:00:00Z');
const WORKERS: readonly ProbedWorker[] = [
  { name: 'worker 1', id: 'w1' },
  { name: 'worker 2', id: 'w2' },
];

describe('probeWorkers', () => {
  it('asks for runs, whenever none is under way, until each worker took one', async () => {
    const takers = new Set<string>();
    const asked: number[] = [];
    let looks = 0;
    const called = await probeWorkers({
      since: SINCE,
      withinMs: 60_000,
      workers: () => Promise.resolve(WORKERS),
      takers: () => Promise.resolve(takers),
      isOver: () => Promise.resolve((looks += 1) !== 2),
      askForRuns: (count) => {
        asked.push(count);
        takers.add(asked.length === 1 ? 'w1' : 'w2');
        return Promise.resolve();
      },
    });
    expect([called, asked, looks]).toEqual([WORKERS, [2, 2], 3]);
  });

  it('waits for a worker that has shown no heartbeat yet', async () => {
    const found = [[{ name: 'worker 1', id: null }], [{ name: 'worker 1', id: 'w1' }]];
    const called = await probeWorkers({
      since: SINCE,
      withinMs: 60_000,
      workers: () => Promise.resolve(found.shift() ?? []),
      takers: () => Promise.resolve(new Set(['w1'])),
      isOver: () => Promise.resolve(false),
      askForRuns: () => Promise.resolve(),
    });
    expect(called).toEqual([{ name: 'worker 1', id: 'w1' }]);
  });

  it('gives up after its time, and still says who was called', async () => {
    const called = await probeWorkers({
      since: SINCE,
      withinMs: -1,
      workers: () => Promise.resolve(WORKERS),
      takers: () => Promise.resolve(new Set(['w1'])),
      isOver: () => Promise.resolve(true),
      askForRuns: () => Promise.reject(new Error('too late to ask')),
    });
    expect(called).toEqual(WORKERS);
  });
});
