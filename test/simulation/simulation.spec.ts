import { AppError } from '@crewtab/domain/errors';
import { InMemoryRunStore } from '../fakes/stores/in-memory-run-store';
import { runBatch } from './batch';
import { describeFailure } from './failure-report';
import type { HistoryPlan } from './history-plan';
import { planHistory } from './plan-history';
import { runHistory } from './run-history';
import { numberedSeeds } from './seeds';
import { shrink } from './shrink';
import { VirtualTime } from './virtual-time';

/** Small, since `npm test` has two thousand in a stage of its own. */
const HISTORIES = 20;

describe('a simulated history', () => {
  it.each([3, 7, 11, 42])('goes the same way every time: seed %d', async (seed) => {
    const plan = planHistory(seed);
    const [once, again] = [await runHistory(plan), await runHistory(planHistory(seed), true)];
    expect(again.fingerprint).toBe(once.fingerprint);
    expect(again.counts).toEqual(once.counts);
  });

  it('goes another way with another seed, and without one of its faults', async () => {
    const plan = planHistory(7);
    const { fingerprint } = await runHistory(plan);
    expect(plan.items.length).toBeGreaterThan(0);
    expect((await runHistory(planHistory(8))).fingerprint).not.toBe(fingerprint);
    expect((await runHistory({ ...plan, items: [] })).fingerprint).not.toBe(fingerprint);
  });

  it('keeps every invariant, whatever befalls it', async () => {
    const { failingSeed, histories, counts } = await runBatch(numberedSeeds(HISTORIES, 1).seeds);
    expect(failingSeed).toBeNull();
    expect(histories).toBe(HISTORIES);
    for (const event of ['runs', 'status success', 'status timeout', 'adoption', 'success after adoption'])
      expect([event, counts[event] ?? 0]).not.toEqual([event, 0]);
  });
});

describe('convergence', () => {
  const plan = planHistory(7);
  const short: HistoryPlan = {
    ...plan,
    items: [],
    schedules: plan.schedules.slice(0, 1).map((schedule) => ({ ...schedule, timeoutMs: 20_000 })),
  };

  it.each([
    ['is in time when the last run is over soon', 30_000, []],
    ['is late when the last run is over 100 s after the faults, though it is over then', 100_000, ['I15']],
  ])('%s', async (_, afterMs, broken) => {
    const { finish } = InMemoryRunStore.prototype;
    const now = jest.spyOn(VirtualTime.prototype, 'runUntil');
    jest.spyOn(InMemoryRunStore.prototype, 'finish').mockImplementation(async function (this: InMemoryRunStore, ...of) {
      const nowMs = (now.mock.contexts.at(-1) as VirtualTime | undefined)?.monotonicMs() ?? 0;
      if (nowMs < short.chaosMs + afterMs) throw new AppError('store_unreachable', 'not yet', { retryable: true });
      return finish.apply(this, of);
    });
    const { violations } = await runHistory(short);
    expect([...new Set(violations.map(({ invariant }) => invariant))]).toEqual(broken);
  });
});

describe('a broken engine', () => {
  it('is found, and reported by its shortest history', async () => {
    const { conclude } = InMemoryRunStore.prototype;
    jest.spyOn(InMemoryRunStore.prototype, 'conclude').mockImplementation(function (
      this: InMemoryRunStore,
      claim,
      outcome,
    ) {
      const isTimeout = outcome.status === 'timeout';
      const verification = { status: 'passed', checks: [] } as const;
      const success = { status: 'success', result: 'so be it', error: null, verification } as const;
      return conclude.call(this, claim, isTimeout ? success : outcome);
    });
    const { failingSeed } = await runBatch(numberedSeeds(200, 1).seeds);
    expect(failingSeed).not.toBeNull();
    const report = (await describeFailure(planHistory(failingSeed ?? 0))).join('\n');
    expect(report).toContain(
      'breaks I6: `success` implies that the agent got the prompt, that its answer is stored, and that its finished work was verified where that is asked for.',
    );
    expect(report).toContain(`npm run simulate -- --seed ${failingSeed}`);
  });

  it('leaves only what is needed to break it', async () => {
    const plan = planHistory(7);
    const needed = plan.items[1];
    const shrunk = await shrink(plan, (candidate) =>
      Promise.resolve(needed !== undefined && candidate.items.includes(needed)),
    );
    expect(shrunk.items).toEqual([needed]);
    expect(shrunk.schedules).toHaveLength(1);
  });
});
