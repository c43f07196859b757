import type { Bench, BenchContext, Figure } from './harness/bench';
import { BareFiring } from './harness/bare-firing';
import { explainLag, takeTurns } from './harness/fire-lag';
import { OurFiring, type FiringRound } from './harness/our-firing';
import { percentile } from './harness/statistics';

const SCHEDULES = 1_000;
const ROUNDS = 9;
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
      const bareRounds: number[][] = [];
      const runOurs = async (): Promise<void> => void rounds.push(await ours.round(LEAD_MS));
      const runBase = async (): Promise<void> => void bareRounds.push(await base.round(LEAD_MS));
      await takeTurns(ROUNDS, runOurs, runBase);
      return figuresOf(rounds, bareRounds);
    } finally {
      await Promise.all([ours.close(), base.close()]);
    }
  },
};

/**
 * All rows of one of our rounds are committed by one statement, so that a round is one measurement: a single round that
 * the machine held up would be the p99 of all lags together. Compared is the middle round; the other line shows the worst.
 */
function figuresOf(rounds: readonly FiringRound[], bareRounds: readonly number[][]): Figure[] {
  const ourRounds = rounds.map(({ lags }) => lags);
  const p99s = (of: readonly (readonly number[])[]): number[] => of.map((lags) => percentile(lags, 'p99'));
  return [
    {
      name: `fire lag, 1,000 due at once, p99 of each of ${ROUNDS} rounds`,
      unit: 'ms',
      ours: p99s(ourRounds),
      base: p99s(bareRounds),
      at: 'p50',
      aim: { of: 'ratio', relation: '≤', limit: 0.3 },
      breakdown: explainLag(rounds),
    },
    {
      name: 'fire lag, 1,000 due at once, all rounds together',
      unit: 'ms',
      ours: ourRounds.flat(),
      base: bareRounds.flat(),
      at: 'p99',
      aim: null,
      breakdown: [],
    },
  ];
}
