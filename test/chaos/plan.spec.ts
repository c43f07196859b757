import { scripts } from '../../package.json';
import { planFaults, type FaultKind } from './plan';

const MINUTE_MS = 60_000;
const KINDS: readonly FaultKind[] = [
  ...(['kill-worker', 'kill-scheduler', 'stop-worker', 'stop-scheduler', 'rolling-restart', 'clock-shift'] as const),
  ...(['redis-flush', 'redis-restore', 'redis-kill', 'redis-disk-full', 'redis-stop'] as const),
  ...(['postgres-restart', 'postgres-kill', 'postgres-stop'] as const),
  ...(['dockerd-kill', 'dockerd-restart', 'dockerd-stop', 'container-kill'] as const),
  ...(['cut', 'slow', 'half-open', 'cut-one', 'lose-reply', 'hiccup'] as const),
];

describe('the plan of faults', () => {
  it('follows from the seed alone', () => {
    expect(planFaults(7, 3 * MINUTE_MS)).toEqual(planFaults(7, 3 * MINUTE_MS));
    expect(planFaults(7, 3 * MINUTE_MS)).not.toEqual(planFaults(8, 3 * MINUTE_MS));
  });

  it('is in the order of time, within the time', () => {
    const times = planFaults(7, 5 * MINUTE_MS).map(({ atMs }) => atMs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(Math.max(...times)).toBeLessThan(5 * MINUTE_MS);
  });

  it('has every kind within its first deck, and in the two minutes of npm run test:chaos', () => {
    const [, minutes, seed] = /--minutes (\d+) --seed (\d+)/.exec(scripts['test:chaos']) ?? [];
    for (const plan of [planFaults(7, 4 * MINUTE_MS), planFaults(Number(seed), Number(minutes) * MINUTE_MS)])
      expect([...new Set(plan.map(({ kind }) => kind))].sort()).toEqual([...KINDS].sort());
  });

  it('leaves calm times in which nothing begins', () => {
    const times = planFaults(7, 10 * MINUTE_MS).map(({ atMs }) => atMs);
    const pauses = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    expect(pauses.filter((pause) => pause > 40_000).length).toBeGreaterThanOrEqual(2);
  });

  it('stops workers for longer than a lease', () => {
    const stops = planFaults(7, 10 * MINUTE_MS).filter(({ kind }) => kind === 'stop-worker');
    expect(stops.length).toBeGreaterThan(0);
    for (const { durationMs } of stops) expect(durationMs).toBeGreaterThan(15_000);
  });
});
