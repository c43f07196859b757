import type { Bench, BenchContext, Figure } from './harness/bench';
import { BareFiring } from './harness/bare-firing';
import { explainLag, takeTurns } from './harness/fire-lag';
import { OurFiring, type FiringIteration } from './harness/our-firing';
import { percentile } from './harness/statistics';

const SCHEDULES = 1_000;
const ITERATIONS = 9;
/** Putting 1,000 Job Schedulers anew takes its time, on a busy machine some seconds of it. */
const LEAD_MS = 4_000;

export const fireLagMany: Bench = {
  name: 'fire-lag-many',
  about: `lag from due instant to committed run row, ${SCHEDULES} schedules due at once, over bare BullMQ Job Schedulers`,
  needsDocker: false,
  async run(context: BenchContext): Promise<Figure[]> {
    const ours = await OurFiring.open(context, { due: SCHEDULES, idle: 0 });
    const base = new BareFiring(context, SCHEDULES);
    try {
      const iterations: FiringIteration[] = [];
      const bareIterations: number[][] = [];
      const runOurs = async (): Promise<void> => void iterations.push(await ours.iterate(LEAD_MS));
      const runBase = async (): Promise<void> => void bareIterations.push(await base.iterate(LEAD_MS));
      await takeTurns(ITERATIONS, runOurs, runBase);
      return figuresOf(iterations, bareIterations);
    } finally {
      await Promise.all([ours.close(), base.close()]);
    }
  },
};

/**
 * One statement commits all rows of one of our iterations, so an iteration is one measurement: a single one that the
 * machine held up would be the p99 of all lags together. Compared is the middle iteration; the other line shows the worst.
 */
function figuresOf(iterations: readonly FiringIteration[], bareIterations: readonly number[][]): Figure[] {
  const ourIterations = iterations.map(({ lags }) => lags);
  const p99s = (of: readonly (readonly number[])[]): number[] => of.map((lags) => percentile(lags, 'p99'));
  return [
    {
      name: `fire lag, 1,000 due at once, p99 of each of ${ITERATIONS} iterations`,
      unit: 'ms',
      ours: p99s(ourIterations),
      base: p99s(bareIterations),
      at: 'p50',
      aim: { of: 'ratio', relation: '≤', limit: 0.3 },
      breakdown: explainLag(iterations),
    },
    {
      name: 'fire lag, 1,000 due at once, all iterations together',
      unit: 'ms',
      ours: ourIterations.flat(),
      base: bareIterations.flat(),
      at: 'p99',
      aim: null,
      breakdown: [],
    },
  ];
}
