import type { Agent } from '@crewtab/domain/teams/team';
import type { Bench, BenchContext, Figure } from './harness/bench';
import { demoImage } from './harness/demo-image';
import { DirectEngine } from './harness/direct-team';
import { covered, EngineTrace, type Span } from './harness/engine-trace';
import { takeTurns } from './harness/fire-lag';
import { OurRuns } from './harness/our-runs';
import { percentile, show, sum } from './harness/statistics';

const PAIRS = 50;
const WARM_UP = 2;

interface Measured {
  readonly wallMs: number;
  /** Neither the engine nor the agent was at work. */
  readonly ownMs: number;
  readonly calls: readonly Span[];
  readonly storeCalls: readonly Span[];
}

export const runOverhead: Bench = {
  name: 'run-overhead',
  about: "the orchestrator's own ms in a run on the demo agent, over the same dockerode calls made directly",
  needsDocker: true,
  async run(context: BenchContext): Promise<Figure[]> {
    const image = await demoImage(context);
    const trace = EngineTrace.install();
    const agents: Agent[] = [{ name: 'lead', role: 'leader', protocol: 'acp', image }];
    const runs = await OurRuns.open(context, agents, trace);
    const engine = new DirectEngine(context.dockerHost, image, trace);
    try {
      await engine.prepare();
      const [ours, base]: [Measured[], Measured[]] = [[], []];
      const runOurs = async (): Promise<void> => void ours.push(await measureOurs(runs, trace));
      const runBase = async (): Promise<void> => void base.push(await measureDirect(engine, trace));
      await takeTurns(WARM_UP + PAIRS, runOurs, runBase);
      return figuresOf(ours.slice(WARM_UP), base.slice(WARM_UP));
    } finally {
      await runs.close();
      engine.close();
    }
  },
};

async function measureOurs(runs: OurRuns, trace: EngineTrace): Promise<Measured> {
  const { begunAt, finishedAt, storeCalls } = await runs.run();
  return { ...timed(trace, begunAt, finishedAt), storeCalls };
}

async function measureDirect(engine: DirectEngine, trace: EngineTrace): Promise<Measured> {
  const team = engine.newTeam();
  const from = performance.now();
  await team.prepareShared();
  const { agent, sessionId } = await team.shakeHands(await team.start('lead'));
  await team.prompt(agent, sessionId, 'answer hi');
  await team.remove();
  return { ...timed(trace, from, performance.now()), storeCalls: [] };
}

function timed(trace: EngineTrace, from: number, to: number): Pick<Measured, 'wallMs' | 'ownMs' | 'calls'> {
  const spans = trace.take(from, to);
  return {
    wallMs: to - from,
    ownMs: to - from - covered(spans, from, to),
    calls: spans.filter(({ what }) => what !== 'agent'),
  };
}

function figuresOf(ours: readonly Measured[], base: readonly Measured[]): Figure[] {
  const sides = { ours: ours.map(({ wallMs }) => wallMs), base: base.map(({ wallMs }) => wallMs), at: 'p50' } as const;
  const breakdown = explain(ours, base);
  return [
    {
      name: 'a run on the demo agent over direct calls',
      unit: 'ms',
      ...sides,
      aim: { of: 'ratio', relation: '≤', limit: 1.05 },
      breakdown,
    },
    {
      name: "orchestrator's own, as difference",
      unit: 'ms',
      ...sides,
      aim: { of: 'difference', relation: '≤', limit: 5 },
      breakdown,
    },
    {
      name: "orchestrator's own, engine and agent both idle",
      unit: 'ms',
      ours: ours.map(({ ownMs }) => ownMs),
      base: base.map(({ ownMs }) => ownMs),
      at: 'p50',
      aim: { of: 'difference', relation: '≤', limit: 5 },
      breakdown,
    },
  ];
}

function explain(ours: readonly Measured[], base: readonly Measured[]): string[] {
  const middle = (values: readonly number[]): string => show(percentile(values, 'p50'));
  const [one, other] = [callsOf(ours.at(-1)), callsOf(base.at(-1))];
  const differing = [...new Set([...one.keys(), ...other.keys()])].filter((call) => one.get(call) !== other.get(call));
  const counts = differing.map((call) => `${call} ${one.get(call) ?? 0} against ${other.get(call) ?? 0}`);
  return [
    `pair by pair the difference is ${middle(ours.map(({ wallMs }, pair) => wallMs - (base[pair]?.wallMs ?? 0)))} ms (p50)`,
    `neither engine nor agent at work: ours ${middle(ours.map(({ ownMs }) => ownMs))} ms, direct ${middle(base.map(({ ownMs }) => ownMs))} ms (p50)`,
    `engine calls per run: ours ${ours.at(-1)?.calls.length}, direct ${base.at(-1)?.calls.length}; differing: ${counts.join(', ') || 'none'}`,
    `store calls per run: ${ours.at(-1)?.storeCalls.length}, together ${middle(ours.map(({ storeCalls }) => sum(storeCalls.map(lengthOf))))} ms (p50; some run beside the engine's work)`,
    ...storeTimes(ours),
  ];
}

function storeTimes(ours: readonly Measured[]): string[] {
  const byMethod = new Map<string, number[]>();
  for (const span of ours.flatMap(({ storeCalls }) => storeCalls))
    byMethod.set(span.what, [...(byMethod.get(span.what) ?? []), lengthOf(span)]);
  const perRun = (times: readonly number[]): number => times.length / ours.length;
  return [...byMethod].map(
    ([method, times]) => `  ${method}: ${show(perRun(times))} × ${show(percentile(times, 'p50'))} ms (p50)`,
  );
}

function callsOf(measured: Measured | undefined): Map<string, number> {
  const calls = new Map<string, number>();
  for (const { what } of measured?.calls ?? []) calls.set(what, (calls.get(what) ?? 0) + 1);
  return calls;
}

function lengthOf({ from, to }: Span): number {
  return to - from;
}
