import type { Agent } from '@crewtab/domain/teams/team';
import type { Bench, BenchContext, Figure } from './harness/bench';
import { demoImage } from './harness/demo-image';
import { DirectEngine } from './harness/direct-team';
import { EngineTrace } from './harness/engine-trace';
import { takeTurns } from './harness/fire-lag';
import { OurRuns, type MeasuredRun } from './harness/our-runs';
import { percentile, show } from './harness/statistics';

const NAMES = ['lead', 'writer', 'reader', 'critic'] as const;
const ITERATIONS = 5;

/** When the fourth was started, and when it was ready as well, ms. */
interface OneByOne {
  readonly startedMs: number;
  readonly readyMs: number;
}

export const coldTeam: Bench = {
  name: 'cold-team',
  about: 'a cold team of four ready, over the same four created and started one after the other',
  needsDocker: true,
  async run(context: BenchContext): Promise<Figure[]> {
    const image = await demoImage(context);
    const agents = NAMES.map((name, n): Agent => {
      return { name, role: n === 0 ? 'leader' : 'worker', protocol: 'acp', image };
    });
    const trace = EngineTrace.install();
    const runs = await OurRuns.open(context, agents, trace);
    const engine = new DirectEngine(context.dockerHost, image, trace);
    try {
      await engine.prepare();
      const [ours, base]: [MeasuredRun[], OneByOne[]] = [[], []];
      const runOurs = async (): Promise<void> => void ours.push(await runs.run());
      const runBase = async (): Promise<void> => void base.push(await oneByOne(engine));
      await takeTurns(1 + ITERATIONS, runOurs, runBase);
      return figuresOf(ours.slice(1), base.slice(1));
    } finally {
      await runs.close();
      engine.close();
    }
  },
};

/** Create, start, and wait until it is ready, then the next one. */
async function oneByOne(engine: DirectEngine): Promise<OneByOne> {
  const team = engine.newTeam();
  const from = performance.now();
  await team.prepareShared();
  let inStartsMs = 0;
  for (const name of NAMES) {
    const before = performance.now();
    const container = await team.start(name);
    inStartsMs += performance.now() - before;
    await team.shakeHands(container);
  }
  const readyMs = performance.now() - from;
  await team.remove();
  return { startedMs: inStartsMs, readyMs };
}

function figuresOf(runs: readonly MeasuredRun[], base: readonly OneByOne[]): Figure[] {
  const ours = runs.map(({ begunAt, readyAt }) => readyAt - begunAt);
  const startsMs = show(
    percentile(
      base.map(({ startedMs }) => startedMs),
      'p50',
    ),
  );
  const readyMs = show(
    percentile(
      base.map((one) => one.readyMs),
      'p50',
    ),
  );
  const breakdown = [
    `one after the other: ${startsMs} ms in create and start, the rest of ${readyMs} ms in four handshakes (p50)`,
  ];
  const shared = { unit: 'ms', ours, at: 'p50', breakdown } as const;
  return [
    {
      ...shared,
      name: 'cold team of four ready',
      base: base.map((one) => one.readyMs),
      aim: { of: 'ratio', relation: '≤', limit: 0.5 },
    },
    {
      ...shared,
      name: 'cold team of four ready, over create and start alone',
      base: base.map(({ startedMs }) => startedMs),
      aim: null,
    },
  ];
}
