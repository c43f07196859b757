import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileAgent } from '../../../images/build/compile-agent';
import { startDockerProxy, type DockerProxy } from '../../kit/services/docker-proxy';
import { demoImage } from '../../kit/services/demo-image';
import { dockerEngine } from '../../kit/services/docker';
import { Lane, type Recorded } from './lane';
import { recordRun } from './record-run';
import type { Action } from './crash-case';
import { runCase } from './run-case';
import { SCENARIOS, type Materials, type Place, type Scenario } from './scenarios';
import { SCHEDULER_SCENARIOS, type SchedulerScenario } from './scheduler-scenarios';
import { SchedulerStand } from './scheduler-stand';
import { Stand } from './stand';
import { Turns } from './turns';

export const ACTIONS: readonly Action[] = ['kill', 'stop'];

/** Stands for cases of workers, by place: so many that all lanes take about as long. */
const STANDS: Readonly<Record<Place, number>> = { docker: 3, process: 2 };
/** Cases at play at the same time, for each core: about half of the time they wait for a lease to run out. */
const CASES_PER_CORE = 2;
/** For work on some of it: a regular expression of `docker`, `process`, and the names of the scheduler's scenarios. */
const WANTED_LANES = new RegExp(process.env.CRASH_LANES ?? '');
/** Numbers of databases in Redis, which has 16: workers' stands have those from 1. */
const FIRST_SCHEDULER_STAND = 8;

/** Plays every point in the first scenario that reaches it, once for each action. */
export class Sweep {
  private readonly results = new Map<string, Promise<Error | null>>();
  private readonly lanes: (Lane<Stand, Scenario> | Lane<SchedulerStand, SchedulerScenario>)[] = [];
  private readonly turns = new Turns(CASES_PER_CORE * availableParallelism());
  private proxy: DockerProxy | null = null;
  private folder: string | null = null;
  private work: Promise<unknown> = Promise.resolve();

  /** Points that no scenario passes. Known after `open`. */
  readonly unreached = new Set<string>();

  /** Opens the stands, finds out what each scenario passes, and begins to play. */
  async open(points: readonly string[]): Promise<void> {
    const materials = await this.findMaterials();
    if (WANTED_LANES.test('docker')) await this.openWorkerLane('docker', 1, materials);
    if (WANTED_LANES.test('process')) await this.openWorkerLane('process', 1 + STANDS.docker, materials);
    let number = FIRST_SCHEDULER_STAND;
    for (const scenario of SCHEDULER_SCENARIOS) {
      if (WANTED_LANES.test(scenario.name)) this.openSchedulerLane(scenario, number);
      number += scenario.stands;
    }
    const recorded = await Promise.all(this.lanes.map((lane) => lane.record()));
    for (const point of points) this.plan(point, recorded.flat());
    this.work = Promise.all(this.lanes.map((lane) => lane.work()));
  }

  /** Rejects with what went wrong at the point. */
  async result(point: string, action: Action): Promise<void> {
    const failure = await this.results.get(`${action} ${point}`);
    if (failure === undefined) throw new Error('no scenario passes it');
    if (failure !== null) throw failure;
  }

  async close(): Promise<void> {
    await this.work;
    const closed = await Promise.allSettled(this.lanes.map((lane) => lane.close()));
    await this.proxy?.close();
    if (this.folder !== null) await rm(this.folder, { recursive: true, force: true });
    for (const one of closed) if (one.status === 'rejected') throw one.reason;
  }

  private plan(point: string, recorded: readonly Recorded[]): void {
    const scenario = recorded.find(({ counts }) => counts.has(point));
    if (!scenario) this.unreached.add(point);
    else for (const action of ACTIONS) this.results.set(`${action} ${point}`, scenario.add(point, action));
  }

  private async findMaterials(): Promise<Materials> {
    this.proxy = await startDockerProxy();
    this.proxy.refuseToRemove('containers');
    const { demoAgent } = await compileAgent();
    const image = await demoImage();
    this.folder = await mkdtemp(join(tmpdir(), 'crewtab-crash-hosts-'));
    const newFolder = (): string => join(this.folder ?? '', randomBytes(4).toString('hex'));
    const secondImage = await tagAgain(image);
    return { image, secondImage, program: demoAgent, stickyDockerHost: this.proxy.dockerHost, newFolder };
  }

  private async openWorkerLane(place: Place, firstNumber: number, materials: Materials): Promise<void> {
    const stands: Stand[] = [];
    const scenarios = SCENARIOS.filter((scenario) => scenario.place === place);
    this.lanes.push(
      new Lane<Stand, Scenario>(
        stands,
        scenarios,
        {
          record: recordRun,
          crash: (scenario, stand, point, action, hit) => runCase({ scenario, point, action, hit }, stand),
        },
        this.turns,
      ),
    );
    // One after the other: together they would keep each other waiting.
    for (let index = 0; index < STANDS[place]; index++) {
      const stand = await Stand.open(place, firstNumber + index, materials);
      stands.push(stand);
      await stand.keepAdopterBusy();
    }
  }

  /** Of its own: what a scheduler does waits for no run, so its cases are played beside all others. */
  private openSchedulerLane(scenario: SchedulerScenario, firstNumber: number): void {
    const atWork = new Set<string>();
    const stands = Array.from(
      { length: scenario.stands },
      (_, at) => new SchedulerStand(scenario, firstNumber + at, atWork),
    );
    this.lanes.push(
      new Lane<SchedulerStand, SchedulerScenario>(
        stands,
        [scenario],
        {
          record: (_, stand) => stand.record(),
          crash: (_, stand, point, action) => stand.play(point, action),
        },
        this.turns,
      ),
    );
  }
}

/** Stays on the engine like the image itself, of which it is only a name. */
async function tagAgain(image: string): Promise<string> {
  const repo = 'crewtab-test/demo-agent-again';
  await dockerEngine().call({ method: 'POST', path: `/images/${encodeURIComponent(image)}/tag?repo=${repo}&tag=1` });
  return `${repo}:1`;
}
