import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compileAgent } from '../../../images/build/compile-agent';
import { startDockerProxy, type DockerProxy } from '../../e2e/support/docker-proxy';
import { demoImage } from '../../support/demo-image';
import { endInOrder } from './cell';
import { runCase, startRun, type Action, type CrashCase } from './run-case';
import { SCENARIOS, type Place, type Scenario } from './scenarios';
import { Stand } from './stand';

export const ACTIONS: readonly Action[] = ['kill', 'stop'];

/** Cases at work side by side, by place. */
const STANDS: Readonly<Record<Place, number>> = { docker: 2, process: 1 };
/** Each write to an agent's stdin is of another kind (handshake, session, prompt): all are swept. */
const EVERY_PASS = /(stdin|agent-channel)\.write:/;

interface Passes {
  readonly scenario: Scenario;
  /** How often each point was passed. */
  readonly counts: ReadonlyMap<string, number>;
}

/** Plays every point in the first scenario that passes it, once for each action. */
export class Sweep {
  private readonly results = new Map<string, Promise<Error | null>>();
  private readonly stands: Stand[] = [];
  private proxy: DockerProxy | null = null;
  private work: Promise<unknown> = Promise.resolve();

  /** Points that no scenario passes. Known after `open`. */
  readonly unreached = new Set<string>();

  /** Opens the stands, finds out what each scenario passes, and begins to play. */
  async open(points: readonly string[]): Promise<void> {
    this.proxy = await startDockerProxy();
    this.proxy.refusesToRemove = 'containers';
    const { demoAgent } = await compileAgent();
    const materials = { image: await demoImage(), program: demoAgent, stickyDockerHost: this.proxy.dockerHost };
    const places = Object.entries(STANDS).flatMap(([place, count]) => Array<Place>(count).fill(place as Place));
    // One after the other: together they would keep each other waiting.
    for (const [index, place] of places.entries()) this.stands.push(await Stand.open(place, index + 1, materials));
    await Promise.all(this.stands.map((stand) => stand.keepAdopterBusy()));
    this.begin(points, await this.recordAll());
  }

  /** Rejects with what went wrong at the point. */
  async result(point: string, action: Action): Promise<void> {
    const failure = await this.results.get(keyOf(point, action));
    if (failure === undefined) throw new Error('the sweep did not get so far');
    if (failure !== null) throw failure;
  }

  async close(): Promise<void> {
    await this.work;
    const closed = await Promise.allSettled(this.stands.map((stand) => stand.close()));
    await this.proxy?.close();
    for (const one of closed) if (one.status === 'rejected') throw one.reason;
  }

  private async recordAll(): Promise<Passes[]> {
    const scenarios = new Map<Place, Scenario[]>();
    for (const scenario of SCENARIOS)
      scenarios.set(scenario.place, [...(scenarios.get(scenario.place) ?? []), scenario]);
    const passes = await Promise.all(
      this.stands.map(async (stand) => {
        const mine: Passes[] = [];
        const queue = scenarios.get(stand.place) ?? [];
        for (let next = queue.shift(); next; next = queue.shift()) mine.push(await record(next, stand));
        return mine;
      }),
    );
    return passes.flat().sort((a, b) => SCENARIOS.indexOf(a.scenario) - SCENARIOS.indexOf(b.scenario));
  }

  private begin(points: readonly string[], passes: readonly Passes[]): void {
    const queues = new Map<Place, (() => CrashCase[])[]>();
    const played = new Map<CrashCase[], (failure: Error | null) => void>();
    for (const point of points) {
      const found = passes.find(({ counts }) => counts.has(point));
      if (!found) this.unreached.add(point);
      else
        for (const action of ACTIONS) {
          const cases = casesOf(point, action, found);
          this.results.set(keyOf(point, action), new Promise((resolve) => played.set(cases, resolve)));
          const { place } = found.scenario;
          queues.set(place, [...(queues.get(place) ?? []), () => cases]);
        }
    }
    this.work = Promise.all(
      this.stands.map(async (stand) => {
        const queue = queues.get(stand.place) ?? [];
        for (let next = queue.shift(); next; next = queue.shift()) {
          const cases = next();
          played.get(cases)?.(await playAll(cases, stand));
        }
      }),
    );
  }
}

/** @returns what went wrong */
async function playAll(cases: readonly CrashCase[], stand: Stand): Promise<Error | null> {
  try {
    for (const crash of cases) await runCase(crash, stand);
    return null;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function casesOf(point: string, action: Action, { scenario, counts }: Passes): CrashCase[] {
  const hits = EVERY_PASS.test(point) ? (counts.get(point) ?? 1) : 1;
  return Array.from({ length: hits }, (_, index) => ({ point, action, scenario, hit: index + 1 }));
}

/** Plays a scenario undisturbed, and counts what its worker passes. */
async function record(scenario: Scenario, stand: Stand): Promise<Passes> {
  const file = join(stand.cell.dataDir, `passed-${SCENARIOS.indexOf(scenario)}`);
  const armed = stand.startRecorder(file, scenario);
  const run = await startRun(scenario, stand);
  await scenario.during?.(run, { cell: stand.cell, api: stand.api, armed });
  // A worker that cannot remove anything never finishes its run; it hands it on when it ends.
  const isOver = scenario.usesUp ? ({ finishedAt }: { finishedAt: string | null }) => finishedAt !== null : undefined;
  const seen = isOver
    ? await stand.api.untilRun(run.id, isOver, 180_000)
    : await stand.api.untilFinished(run.id, 180_000);
  const outcome = seen.error ? `${seen.status}/${seen.error.code}` : seen.status;
  await endInOrder(armed);
  if (!scenario.ends.test(outcome))
    throw new Error(`undisturbed, "${scenario.name}" ends as ${outcome}: ${JSON.stringify(seen)}\n${armed.tail()}`);
  const counts = new Map<string, number>();
  for (const point of (await readFile(file, 'utf8')).trim().split('\n'))
    counts.set(point, (counts.get(point) ?? 0) + 1);
  return { scenario, counts };
}

function keyOf(point: string, action: Action): string {
  return `${action} ${point}`;
}
