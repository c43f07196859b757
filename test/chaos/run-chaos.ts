import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeForeignResources, removeForeignResources, type ForeignResource } from './foreign-resources';
import { EngineEventsRecorder } from './engine-events-recorder';
import { ofRuns, listLeftovers } from './engine-leftovers';
import type { EvidenceFolder } from './evidence-folder';
import { prepareEnvironment, type ChaosEnvironment } from './environment';
import { Api } from './load/api';
import { Client } from './load/client';
import { Nemesis } from './nemesis';
import type { ChaosOptions } from './options';
import { planFaults } from './plan';
import { report, type ChaosResult } from './report';
import { FaultLocks } from './fault-locks';
import { probeWorkers, type ProbedWorker } from './probe-workers';
import { SeededRandom } from '../kit/random';
import type { Shutdown } from '../kit/shutdown';
import { Observer } from './observer';

/** Runs that are to be under way at the same time: about what two cores carry. */
const WANTED_ACTIVE = 10;
/** Before the end of the faults nothing new is asked for, so that what runs then can be over in time, ms. */
const LAST_REQUESTS_MS = 20_000;
/** After healing everything must be over and gone within so long, ms. */
const CONVERGE_WITHIN_MS = 60_000;
/** From then on, each worker must take a run within so long: a time of its own, for convergence may have taken all of its. */
const CALL_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 250;
const PROGRESS_EVERY_MS = 30_000;
const SHUTDOWN_LIMIT_MS = 10_000;

interface Ending {
  readonly startedAt: Date;
  readonly healedAt: Date;
  readonly convergedAt: Date | null;
  readonly workers: readonly ProbedWorker[];
}

/** The whole of one chaos run. @returns whether nothing was found. */
export async function runChaos(task: ChaosOptions, evidence: EvidenceFolder, shutdown: Shutdown): Promise<boolean> {
  const log = (line: string): void => console.log(`· ${line}`);
  log(`seed ${task.seed}, ${task.minutes} min of faults`);
  const environment = await prepareEnvironment(evidence, shutdown, log);
  const recorder = new EngineEventsRecorder(environment.docker.dockerHost.replace('unix://', ''), evidence);
  recorder.start();
  shutdown.add('the recorder of engine events', () => recorder.close());
  const foreign = await makeForeignResources(environment.docker.http, environment.image);
  if (environment.docker.whyNoFaults !== null)
    shutdown.add('the foreign resources', () => removeForeignResources(environment.docker.http, foreign));
  shutdown.add('the processes', async () => void (await environment.processes.stop(SHUTDOWN_LIMIT_MS)));
  await environment.processes.start();
  const observer = new Observer(environment.postgres.url);
  shutdown.add('the connections to Postgres', () => observer.close());
  await observer.keepTrail();
  const chaos = new Chaos(task, environment, observer, foreign, log);
  const result = await chaos.run();
  return report(result, evidence, log);
}

class Chaos {
  private readonly client: Client;
  private installationId = '';

  constructor(
    private readonly task: ChaosOptions,
    private readonly environment: ChaosEnvironment,
    private readonly observer: Observer,
    private readonly foreign: readonly ForeignResource[],
    private readonly log: (line: string) => void,
  ) {
    const apiLinks = [...environment.links.values()].flatMap(({ api }) => (api === null ? [] : [api]));
    const api = new Api(
      apiLinks,
      environment.processes.apiKey,
      environment.evidence,
      SeededRandom.named(`api ${task.seed}`),
    );
    this.client = new Client(api, {
      seed: task.seed,
      image: environment.image,
      wantedActive: WANTED_ACTIVE,
      countActive: () => observer.countActive(),
    });
  }

  async run(): Promise<ChaosResult> {
    const { environment, observer, task } = this;
    this.installationId = await observer.installationId();
    await this.client.prepare();
    await environment.redis.keepSnapshot();
    this.log('injecting faults');
    const startedAt = new Date();
    this.client.start();
    const nemesis = new Nemesis({ ...environment, installationId: this.installationId, locks: new FaultLocks() });
    const healedAt = await this.injectFaults(nemesis);
    const firstOverAt = await this.converge(healedAt);
    const workers = await this.probeWorkers(healedAt);
    const isOverAgain = (await this.converge(new Date())) !== null;
    const lateToStop = await environment.processes.stop(SHUTDOWN_LIMIT_MS);
    const convergedAt = isOverAgain ? firstOverAt : null;
    await this.keepEvidence({ startedAt, healedAt, convergedAt, workers });
    return {
      seed: task.seed,
      minutes: task.minutes,
      folder: environment.evidence.path,
      faults: environment.faultLog.counts(),
      leftOut: Object.fromEntries(nemesis.leftOut),
      neverDone: nemesis.neverDone(task.minutes * 60_000),
      harnessProblems: [...nemesis.problems, ...this.client.problems],
      lateToStop,
      endedByThemselves: environment.processes.endedByThemselves(),
      outputTail: environment.processes.outputTail(),
      runs: await observer.countByStatus(),
      errorCodes: await observer.errorCodes(),
      convergedAfterMs: convergedAt === null ? null : convergedAt.getTime() - healedAt.getTime(),
    };
  }

  /** Faults for the whole time; the client stops a little earlier. @returns when all was healed. */
  private async injectFaults(nemesis: Nemesis): Promise<Date> {
    const durationMs = this.task.minutes * 60_000;
    const progress = setInterval(() => void this.sayProgress(), PROGRESS_EVERY_MS);
    const ended = delay(durationMs);
    const faults = nemesis.run(planFaults(this.task.seed, durationMs));
    await delay(Math.max(0, durationMs - LAST_REQUESTS_MS));
    const stopped = this.client.stop().catch((error: unknown) => this.client.note(error));
    await Promise.all([ended, faults]);
    clearInterval(progress);
    this.log('healing');
    await nemesis.heal();
    await this.environment.processes.heal().catch((error: unknown) => void nemesis.problems.push(String(error)));
    const healedAt = new Date();
    // Requests that still wait get their answers from healed processes.
    await stopped;
    return healedAt;
  }

  private async sayProgress(): Promise<void> {
    const runs = await this.observer.countByStatus().catch(() => null);
    this.log(
      `${this.environment.faultLog.total} faults, runs: ${runs === null ? 'Postgres is down' : JSON.stringify(runs)}`,
    );
  }

  /** Until no run has anything left to do and nothing of any run is on the engine. Null: not within the time. */
  private async converge(healedAt: Date): Promise<Date | null> {
    const until = healedAt.getTime() + CONVERGE_WITHIN_MS;
    for (;;) {
      if ((await this.observer.countUnfinished()) === 0 && (await this.isEngineClean())) return new Date();
      if (Date.now() > until) return null;
      await delay(LOOK_EVERY_MS);
    }
  }

  private probeWorkers(healedAt: Date): Promise<readonly ProbedWorker[]> {
    const { environment, observer, client } = this;
    return probeWorkers({
      since: healedAt,
      withinMs: CALL_WITHIN_MS,
      workers: async () => {
        const ids = await observer.workerIds();
        return environment.processes.workers.map(({ name, pid }) => ({ name, id: ids.get(pid ?? 0) ?? null }));
      },
      takers: (since) => observer.takersSince(since),
      isOver: async () => (await observer.countActive()) === 0,
      askForRuns: (count) => client.askForShortRuns(count).catch((error: unknown) => client.note(error)),
    });
  }

  private async isEngineClean(): Promise<boolean> {
    const left = await listLeftovers(this.environment.docker.http, this.environment.dataDir);
    return ofRuns(left, this.installationId).length === 0 && left.files.length === 0;
  }

  private async keepEvidence({ startedAt, healedAt, convergedAt, workers }: Ending): Promise<void> {
    const { evidence, docker, dataDir, postgres } = this.environment;
    evidence.writeJson('engine-left.json', await listLeftovers(docker.http, dataDir));
    await this.observer.dump(join(evidence.path, 'tables'));
    await copyFile(join(evidence.path, 'record/prompts.jsonl'), join(evidence.path, 'prompts.jsonl'));
    evidence.writeJson('healed.json', {
      startedAt: startedAt.toISOString(),
      healedAt: healedAt.toISOString(),
      convergedAt: convergedAt?.toISOString() ?? null,
      seed: this.task.seed,
      minutes: this.task.minutes,
      installationId: this.installationId,
      foreignResources: this.foreign,
      hosts: await this.observer.hosts(),
      workers,
      databaseUrl: postgres.url,
    });
  }
}
