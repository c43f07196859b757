import type { Bench, BenchContext, Figure } from './harness/bench';
import { explainLag, takeTurns } from './harness/fire-lag';
import { OurFiring, type FiringIteration } from './harness/our-firing';

const IDLE = 50_000;
const CASES = [
  { name: 'one schedule due', due: 1, iterations: 30, leadMs: 400, at: 'p95' },
  { name: '1,000 due at once', due: 1_000, iterations: 4, leadMs: 4_000, at: 'p99' },
] as const;

export const fireLagIdle: Bench = {
  name: 'fire-lag-idle',
  about: 'the same lags with 50,000 idle schedules registered, over none',
  needsDocker: false,
  async run(context: BenchContext): Promise<Figure[]> {
    context.log(`registering ${IDLE} idle schedules`);
    const crowded = await OurFiring.open(context, { due: 1_000, idle: IDLE });
    const alone = await OurFiring.open(context, { due: 1_000, idle: 0 });
    try {
      const figures: Figure[] = [];
      for (const each of CASES) figures.push(await compare(crowded, alone, each));
      return figures;
    } finally {
      await Promise.all([crowded.close(), alone.close()]);
    }
  },
};

async function compare(
  crowded: OurFiring,
  alone: OurFiring,
  { name, due, iterations, leadMs, at }: (typeof CASES)[number],
): Promise<Figure> {
  const [withIdle, without]: [FiringIteration[], FiringIteration[]] = [[], []];
  const runCrowded = async (): Promise<void> => void withIdle.push(await crowded.iterate(leadMs, due));
  const runAlone = async (): Promise<void> => void without.push(await alone.iterate(leadMs, due));
  await takeTurns(iterations, runCrowded, runAlone);
  return {
    name: `fire lag, ${name}, 50,000 idle over none`,
    unit: 'ms',
    ours: withIdle.flatMap(({ lags }) => lags),
    base: without.flatMap(({ lags }) => lags),
    at,
    aim: { of: 'ratio', relation: '≤', limit: 1.2 },
    breakdown: [...explainLag(withIdle), 'and without the idle ones:', ...explainLag(without)],
  };
}
