import { randomBytes } from 'node:crypto';
import type { EvidenceFolder } from './evidence-folder';
import type { FaultyLink } from '../kit/proxy';
import { Member, type MemberSpec } from './member';

export const SCHEDULERS = 2;
export const WORKERS = 3;

export interface FleetServices {
  readonly projectDir: string;
  readonly dataDir: string;
  readonly evidence: EvidenceFolder;
  /** Links of each process by its name: `worker 1`. */
  readonly links: ReadonlyMap<string, MemberLinks>;
  readonly databaseUrlAt: (port: number) => string;
  readonly redisUrlAt: (port: number) => string;
  readonly ports: ReadonlyMap<string, number>;
  /** Environment that gives one worker a clock of its own. */
  readonly clockEnv: Readonly<Record<string, string>>;
}

export interface MemberLinks {
  readonly postgres: FaultyLink;
  readonly redis: FaultyLink;
  /** Workers only. */
  readonly docker: FaultyLink | null;
  /** Schedulers only: the client's way to the REST API. */
  readonly api: FaultyLink | null;
}

export function memberNames(): string[] {
  const numbered = (app: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) => `${app} ${index + 1}`);
  return [...numbered('scheduler', SCHEDULERS), ...numbered('worker', WORKERS)];
}

/** The worker whose clock can be shifted. */
export const CLOCK_WORKER = `worker ${WORKERS}`;

/** All processes of the product. */
export class Fleet {
  readonly members: readonly Member[];
  readonly apiKey = randomBytes(24).toString('base64url');
  private readonly encryptionKey = randomBytes(32).toString('hex');

  constructor(private readonly services: FleetServices) {
    this.members = memberNames().map((name) => new Member(this.specOf(name), services.evidence));
  }

  async start(): Promise<void> {
    // One scheduler makes the tables and the first key, so that start-up is the same every time.
    const [first, ...others] = this.members;
    await first?.startAndWait();
    await Promise.all(others.map((member) => member.startAndWait()));
  }

  member(name: string): Member {
    const found = this.members.find((member) => member.name === name);
    if (found === undefined) throw new Error(`there is no process ${name}`);
    return found;
  }

  get workers(): readonly Member[] {
    return this.members.filter(({ name }) => name.startsWith('worker '));
  }

  /** Every process runs again, and none is stopped. */
  async heal(): Promise<void> {
    await Promise.all(this.members.map((member) => member.heal()));
  }

  /** How often a process ended that nobody had asked to. */
  endedByThemselves(): { readonly atStart: number; readonly whenReady: number } {
    const sum = (when: 'atStart' | 'whenReady'): number =>
      this.members.reduce((total, { endedByItself }) => total + endedByItself[when], 0);
    return { atStart: sum('atStart'), whenReady: sum('whenReady') };
  }

  /** Of processes that were ready and ended by themselves. */
  outputTail(): readonly string[] {
    return this.members.flatMap(({ outputTail }) => outputTail);
  }

  /** SIGTERM to all; SIGKILL to what has not ended after `withinMs`. @returns names of those that had to be killed. */
  async stop(withinMs: number): Promise<string[]> {
    const late = await Promise.all(this.members.map((member) => member.end(withinMs)));
    return this.members.filter((_, index) => late[index] === true).map(({ name }) => name);
  }

  private specOf(name: string): MemberSpec {
    const links = this.services.links.get(name);
    if (links === undefined) throw new Error(`${name} has no links`);
    const isWorker = links.docker !== null;
    return {
      name,
      main: `${this.services.projectDir}/dist/apps/${isWorker ? 'worker' : 'scheduler'}/src/main.js`,
      cwd: this.services.projectDir,
      readyLine: isWorker ? /"worker ready"/ : /"scheduler ready"/,
      env: {
        DATABASE_URL: this.services.databaseUrlAt(links.postgres.port),
        REDIS_URL: this.services.redisUrlAt(links.redis.port),
        CREWTAB_ENCRYPTION_KEY: this.encryptionKey,
        CREWTAB_DATA_DIR: this.services.dataDir,
        LOG_LEVEL: 'info',
        ...(isWorker ? this.workerEnv(name, links) : this.schedulerEnv(name)),
      },
    };
  }

  private workerEnv(name: string, links: MemberLinks): Record<string, string> {
    return {
      DOCKER_HOST: `unix://${links.docker?.path ?? ''}`,
      AGENT_STOP_GRACE: '1s',
      ...(name === CLOCK_WORKER ? this.services.clockEnv : {}),
    };
  }

  private schedulerEnv(name: string): Record<string, string> {
    return { PORT: String(this.services.ports.get(name) ?? 0), CREWTAB_API_KEY: this.apiKey };
  }
}
