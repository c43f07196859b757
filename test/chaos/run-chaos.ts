import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeDecoys, removeDecoys, type Decoy } from './decoys';
import { EngineEventsRecorder } from './engine-events-recorder';
import { ofRuns, whatIsLeft } from './engine-left';
import type { EvidenceFolder } from './evidence-folder';
import { prepareGround, type Ground } from './ground';
import { Api } from './load/api';
import { Client } from './load/client';
import { Nemesis } from './nemesis';
import type { ChaosOptions } from './options';
import { planFaults } from './plan';
import { report, type ChaosResult } from './report';
import { Resources } from './resources';
import { callTheRoll, type CalledWorker } from './roll-call';
import { SeededRandom } from '../kit/random';
import type { Shutdown } from '../kit/shutdown';
import { Witness } from './witness';

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
  readonly workers: readonly CalledWorker[];
}

/** The whole of one chaos run. @returns whether nothing was found. */
export async function runChaos(task: ChaosOptions, evidence: EvidenceFolder, shutdown: Shutdown): Promise<boolean> {
  const log = (line: string): void => console.log(`· ${line}`);
  log(`seed ${task.seed}, ${task.minutes} min of faults`);
  const ground = await prepareGround(evidence, shutdown, log);
  const recorder = new EngineEventsRecorder(ground.docker.dockerHost.replace('unix://', ''), evidence);
  recorder.start();
  shutdown.add('the recorder of engine events', () => recorder.close());
  const decoys = await makeDecoys(ground.docker.http, ground.image);
  if (ground.docker.whyGiven !== null) shutdown.add('the decoys', () => removeDecoys(ground.docker.http, decoys));
  shutdown.add('the processes', async () => void (await ground.processes.stop(SHUTDOWN_LIMIT_MS)));
  await ground.processes.start();
  const witness = new Witness(ground.postgres.url);
  shutdown.add('the connections to Postgres', () => witness.close());
  await witness.keepTrail();
  const chaos = new Chaos(task, ground, witness, decoys, log);
  const result = await chaos.run();
  return report(result, evidence, log);
}

class Chaos {
  private readonly client: Client;
  private installationId = '';

  constructor(
    private readonly task: ChaosOptions,
    private readonly ground: Ground,
    private readonly witness: Witness,
    private readonly decoys: readonly Decoy[],
    private readonly log: (line: string) => void,
  ) {
    const apiLinks = [...ground.links.values()].flatMap(({ api }) => (api === null ? [] : [api]));
    const api = new Api(apiLinks, ground.processes.apiKey, ground.evidence, SeededRandom.named(`api ${task.seed}`));
    this.client = new Client(api, {
      seed: task.seed,
      image: ground.image,
      wantedActive: WANTED_ACTIVE,
      countActive: () => witness.countActive(),
    });
  }

  async run(): Promise<ChaosResult> {
    const { ground, witness, task } = this;
    this.installationId = await witness.installationId();
    await this.client.prepare();
    await ground.redis.keepSnapshot();
    this.log('harming it');
    const startedAt = new Date();
    this.client.start();
    const nemesis = new Nemesis({ ...ground, installationId: this.installationId, resources: new Resources() });
    const healedAt = await this.harm(nemesis);
    const firstOverAt = await this.converge(healedAt);
    const workers = await this.callTheRoll(healedAt);
    const isOverAgain = (await this.converge(new Date())) !== null;
    const lateToStop = await ground.processes.stop(SHUTDOWN_LIMIT_MS);
    const convergedAt = isOverAgain ? firstOverAt : null;
    await this.keepEvidence({ startedAt, healedAt, convergedAt, workers });
    return {
      seed: task.seed,
      minutes: task.minutes,
      folder: ground.evidence.path,
      faults: ground.faultLog.counts(),
      leftOut: Object.fromEntries(nemesis.leftOut),
      neverDone: nemesis.neverDone(task.minutes * 60_000),
      harnessProblems: [...nemesis.problems, ...this.client.problems],
      lateToStop,
      endedByThemselves: ground.processes.endedByThemselves(),
      outputTail: ground.processes.outputTail(),
      runs: await witness.countByStatus(),
      errorCodes: await witness.errorCodes(),
      convergedAfterMs: convergedAt === null ? null : convergedAt.getTime() - healedAt.getTime(),
    };
  }

  /** Faults for the whole time; the client stops a little earlier. @returns when all was whole again. */
  private async harm(nemesis: Nemesis): Promise<Date> {
    const durationMs = this.task.minutes * 60_000;
    const progress = setInterval(() => void this.sayProgress(), PROGRESS_EVERY_MS);
    const ended = delay(durationMs);
    const faults = nemesis.run(planFaults(this.task.seed, durationMs));
    await delay(Math.max(0, durationMs - LAST_REQUESTS_MS));
    const stopped = this.client.stop().catch((error: unknown) => this.client.note(error));
    await Promise.all([ended, faults]);
    clearInterval(progress);
    this.log('healing it');
    await nemesis.heal();
    await this.ground.processes.heal().catch((error: unknown) => void nemesis.problems.push(String(error)));
    const healedAt = new Date();
    // Whoever still waits for an answer gets it from healed processes.
    await stopped;
    return healedAt;
  }

  private async sayProgress(): Promise<void> {
    const runs = await this.witness.countByStatus().catch(() => null);
    this.log(
      `${this.ground.faultLog.total} faults, runs: ${runs === null ? 'Postgres is down' : JSON.stringify(runs)}`,
    );
  }

  /** Until no run has anything left to do and nothing of any run is on the engine. Null: not within the time. */
  private async converge(healedAt: Date): Promise<Date | null> {
    const until = healedAt.getTime() + CONVERGE_WITHIN_MS;
    for (;;) {
      if ((await this.witness.countUnfinished()) === 0 && (await this.isEngineClean())) return new Date();
      if (Date.now() > until) return null;
      await delay(LOOK_EVERY_MS);
    }
  }

  private callTheRoll(healedAt: Date): Promise<readonly CalledWorker[]> {
    const { ground, witness, client } = this;
    return callTheRoll({
      since: healedAt,
      withinMs: CALL_WITHIN_MS,
      workers: async () => {
        const ids = await witness.workerIds();
        return ground.processes.workers.map(({ name, pid }) => ({ name, id: ids.get(pid ?? 0) ?? null }));
      },
      takers: (since) => witness.takersSince(since),
      isOver: async () => (await witness.countActive()) === 0,
      askForRuns: (count) => client.askForShortRuns(count).catch((error: unknown) => client.note(error)),
    });
  }

  private async isEngineClean(): Promise<boolean> {
    const left = await whatIsLeft(this.ground.docker.http, this.ground.dataDir);
    return ofRuns(left, this.installationId).length === 0 && left.files.length === 0;
  }

  private async keepEvidence({ startedAt, healedAt, convergedAt, workers }: Ending): Promise<void> {
    const { evidence, docker, dataDir, postgres } = this.ground;
    evidence.writeJson('engine-left.json', await whatIsLeft(docker.http, dataDir));
    await this.witness.dump(join(evidence.path, 'tables'));
    await copyFile(join(evidence.path, 'record/prompts.jsonl'), join(evidence.path, 'prompts.jsonl'));
    evidence.writeJson('healed.json', {
      startedAt: startedAt.toISOString(),
      healedAt: healedAt.toISOString(),
      convergedAt: convergedAt?.toISOString() ?? null,
      seed: this.task.seed,
      minutes: this.task.minutes,
      installationId: this.installationId,
      decoys: this.decoys,
      hosts: await this.witness.hosts(),
      workers,
      databaseUrl: postgres.url,
    });
  }
}
