import type { Bench, BenchContext, Figure } from './harness/bench';
import { BareFiring } from './harness/bare-firing';
import { explainLag, takeTurns } from './harness/fire-lag';
import { OurFiring, type FiringIteration } from './harness/our-firing';

const ITERATIONS = 40;

export const fireLagSingle: Bench = {
  name: 'fire-lag-single',
  about: 'lag from due instant to committed run row, one schedule due, over one bare BullMQ Job Scheduler',
  needsDocker: false,
  async run(context: BenchContext): Promise<Figure[]> {
    const ours = await OurFiring.open(context, { due: 1, idle: 0 });
    const base = new BareFiring(context, 1);
    try {
      const iterations: FiringIteration[] = [];
      const bareLags: number[] = [];
      const runOurs = async (): Promise<void> => void iterations.push(await ours.iterate(leadMs()));
      const runBase = async (): Promise<void> => void bareLags.push(...(await base.iterate(leadMs())));
      await takeTurns(ITERATIONS, runOurs, runBase);
      return [
        {
          name: 'fire lag, one schedule due',
          unit: 'ms',
          ours: iterations.flatMap(({ lags }) => lags),
          base: bareLags,
          at: 'p95',
          aim: { of: 'ratio', relation: '≤', limit: 0.2 },
          breakdown: explainLag(iterations),
        },
      ];
    } finally {
      await Promise.all([ours.close(), base.close()]);
    }
  },
};

/** Different each time: Redis looks at its timeouts ten times a second, and iterations must not keep in step with it. */
function leadMs(): number {
  return 350 + Math.round(Math.random() * 200);
}
