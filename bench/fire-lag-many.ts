import type { Bench, BenchContext, Figure } from './harness/bench';
import { BareFiring } from './harness/bare-firing';
import { explainLag, takeTurns } from './harness/fire-lag';
import { OurFiring, type FiringRound } from './harness/our-firing';

const SCHEDULES = 1_000;
const ROUNDS = 5;
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
      const rounds: FiringRound[] = [];
      const bareLags: number[] = [];
      const runOurs = async (): Promise<void> => void rounds.push(await ours.round(LEAD_MS));
      const runBase = async (): Promise<void> => void bareLags.push(...(await base.round(LEAD_MS)));
      await takeTurns(ROUNDS, runOurs, runBase);
      return [
        {
          name: 'fire lag, 1,000 due at once',
          unit: 'ms',
          ours: rounds.flatMap(({ lags }) => lags),
          base: bareLags,
          at: 'p99',
          aim: { of: 'ratio', relation: '≤', limit: 0.3 },
          breakdown: explainLag(rounds),
        },
      ];
    } finally {
      await Promise.all([ours.close(), base.close()]);
    }
  },
};
