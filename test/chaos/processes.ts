import { Installation, type Environment } from '../kit/installation';
import type { StartedProcess } from '../kit/processes';
import type { EvidenceFolder } from './evidence-folder';
import type { FaultProxy } from '../kit/proxy';
import { SupervisedProcess, type Start } from './supervised-process';

export const SCHEDULERS = 2;
export const WORKERS = 3;

export interface ProcessEnvironment {
  readonly dataDir: string;
  readonly evidence: EvidenceFolder;
  /** Links of each process by its name: `worker 1`. */
  readonly links: ReadonlyMap<string, ProcessLinks>;
  readonly databaseUrlAt: (port: number) => string;
  readonly redisUrlAt: (port: number) => string;
  readonly ports: ReadonlyMap<string, number>;
  /** Environment that gives one worker a clock of its own. */
  readonly clockEnv: Readonly<Record<string, string>>;
}

export interface ProcessLinks {
  readonly postgres: FaultProxy;
  readonly redis: FaultProxy;
  /** Workers only. */
  readonly docker: FaultProxy | null;
  /** Schedulers only: the client's way to the REST API. */
  readonly api: FaultProxy | null;
}

export function processNames(): string[] {
  const numbered = (app: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) => `${app} ${index + 1}`);
  return [...numbered('scheduler', SCHEDULERS), ...numbered('worker', WORKERS)];
}

/** The worker whose clock can be shifted. */
export const CLOCK_WORKER = `worker ${WORKERS}`;

/** All processes of the product. */
export class Processes {
  readonly all: readonly SupervisedProcess[];
  private readonly installation: Installation;

  constructor(private readonly environment: ProcessEnvironment) {
    const { dataDir, evidence, links } = environment;
    // Each process is told its own ways to the services when it starts.
    this.installation = new Installation({ databaseUrl: '', redisUrl: '', dataDir, dockerHost: null });
    this.all = processNames().map((name) => {
      const own = links.get(name);
      if (own === undefined) throw new Error(`${name} has no links`);
      return new SupervisedProcess(name, (options) => this.startProcess(name, own, options), evidence);
    });
  }

  get apiKey(): string {
    return this.installation.apiKey;
  }

  async start(): Promise<void> {
    // One scheduler makes the tables and the first key, so that start-up is the same every time.
    const [first, ...others] = this.all;
    await first?.startAndWait();
    await Promise.all(others.map((process) => process.startAndWait()));
  }

  named(name: string): SupervisedProcess {
    const found = this.all.find((process) => process.name === name);
    if (found === undefined) throw new Error(`there is no process ${name}`);
    return found;
  }

  get workers(): readonly SupervisedProcess[] {
    return this.all.filter(({ name }) => name.startsWith('worker '));
  }

  /** Every process runs again, and none is stopped. */
  async heal(): Promise<void> {
    await Promise.all(this.all.map((process) => process.heal()));
  }

  /** How often a process ended that was to go on. */
  endedByThemselves(): { readonly atStart: number; readonly whenReady: number } {
    const sum = (when: 'atStart' | 'whenReady'): number =>
      this.all.reduce((total, { endedByItself }) => total + endedByItself[when], 0);
    return { atStart: sum('atStart'), whenReady: sum('whenReady') };
  }

  /** Of processes that were ready and ended by themselves. */
  outputTail(): readonly string[] {
    return this.all.flatMap(({ outputTail }) => outputTail);
  }

  /** SIGTERM to all; SIGKILL to what has not ended after `withinMs`. @returns names of those that had to be killed. */
  async stop(withinMs: number): Promise<string[]> {
    const late = await Promise.all(this.all.map((process) => process.end(withinMs)));
    return this.all.filter((_, index) => late[index] === true).map(({ name }) => name);
  }

  private startProcess(name: string, links: ProcessLinks, options: Parameters<Start>[0]): StartedProcess {
    const { databaseUrlAt, redisUrlAt, ports, clockEnv } = this.environment;
    const ownEnv: Environment =
      links.docker === null
        ? { PORT: String(ports.get(name) ?? 0) }
        : { DOCKER_HOST: `unix://${links.docker.path}`, ...(name === CLOCK_WORKER ? clockEnv : {}) };
    return this.installation.start(links.docker === null ? 'scheduler' : 'worker', name, {
      ...options,
      nodeArgs: ['--enable-source-maps'],
      // Ctrl-C is for the harness, which then stops it in order.
      isDetached: true,
      env: {
        DATABASE_URL: databaseUrlAt(links.postgres.port),
        REDIS_URL: redisUrlAt(links.redis.port),
        ...ownEnv,
      },
    });
  }
}
