import { chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { QueryResultRow } from 'pg';
import { ApiClient, type AgentInput } from '../../kit/client';
import { Installation, untilEndedInOrder, untilReady, type Environment } from '../../kit/installation';
import { endLeftoverProcesses, type StartedProcess } from '../../kit/processes';
import { createOwnedDatabase, type TestDatabase } from '../../kit/services/database';
import { demoImage } from '../../kit/services/demo-image';
import { dockerHost } from '../../kit/services/docker';
import { leftoversOf, removeLeftovers } from '../../kit/services/engine-leftovers';
import { startE2eRedis, type E2eRedis } from '../../kit/services/redis-container';
import { buildApps } from './build';

/** What the shutdown of either process must keep to, ms. */
export const SHUTDOWN_LIMIT_MS = 10_000;

export interface CrewtabOptions {
  /** Default 1. */
  readonly schedulers?: number;
  /** Default 1. */
  readonly workers?: number;
  /** Settings of every scheduler, over those of the harness. */
  readonly schedulerEnv?: Environment;
  /** Settings of every worker, over those of the harness. */
  readonly workerEnv?: Environment;
  /** User that the workers run as; default the tests' own. */
  readonly workerUserId?: number;
}

/** An installation of its own: a fresh database of a role that only owns it, Redis in a container, the real apps as processes. */
export class Crewtab {
  readonly schedulers: StartedProcess[] = [];
  readonly workers: StartedProcess[] = [];
  private readonly installation: Installation;
  private startedWorkers = 0;
  private apiClient: ApiClient | null = null;

  private constructor(
    readonly image: string,
    readonly redis: E2eRedis,
    private readonly database: TestDatabase,
    readonly dataDir: string,
    private readonly options: CrewtabOptions,
  ) {
    this.installation = new Installation({
      databaseUrl: database.url,
      redisUrl: redis.url,
      dataDir,
      dockerHost: dockerHost(),
      env: { scheduler: options.schedulerEnv ?? {}, worker: options.workerEnv ?? {} },
    });
  }

  /** Resolves when every process says that it is ready. */
  static async start(options: CrewtabOptions = {}): Promise<Crewtab> {
    await buildApps();
    const crewtab = new Crewtab(
      await demoImage(),
      await startE2eRedis(),
      await createOwnedDatabase(),
      await mkdtemp(join(tmpdir(), 'crewtab-e2e-')),
      options,
    );
    const { workerUserId } = options;
    try {
      const artifacts = join(crewtab.dataDir, 'artifacts');
      await mkdir(artifacts);
      if (workerUserId !== undefined)
        for (const folder of [crewtab.dataDir, artifacts]) await chown(folder, workerUserId, workerUserId);
      await crewtab.startAll();
      return crewtab;
    } catch (error) {
      await crewtab.stop().catch(() => undefined);
      throw error;
    }
  }

  get api(): ApiClient {
    if (this.apiClient === null) throw new Error('no scheduler is ready');
    return this.apiClient;
  }

  get databaseUrl(): string {
    return this.database.url;
  }

  /** A leader that is the demo agent; what is given replaces its fields. */
  leader(fields: Partial<AgentInput> = {}): AgentInput {
    return { name: 'lead', role: 'leader', protocol: 'acp', image: this.image, ...fields };
  }

  /** Starts one more worker, `env` over its other settings. Resolves when it is ready. */
  async startWorker(env: Environment = {}): Promise<StartedProcess> {
    const { workerUserId } = this.options;
    const user = workerUserId === undefined ? {} : { userId: workerUserId };
    this.startedWorkers += 1;
    const worker = this.installation.start('worker', `worker ${this.startedWorkers}`, { env, ...user });
    this.workers.push(worker);
    await untilReady(worker);
    return worker;
  }

  /** The worker whose log says that it began this run. */
  async workerOf(runId: string): Promise<StartedProcess> {
    const isHere = (line: string): boolean => line.includes(runId) && line.includes('run begun');
    await Promise.race(
      this.workers
        .filter(({ hasExited }) => !hasExited)
        .map((one) => one.waitForLine(new RegExp(`${runId}.*run begun`))),
    );
    const worker = this.workers.find(({ lines }) => lines.some(isHere));
    if (worker === undefined) throw new Error(`no worker began run ${runId}`);
    return worker;
  }

  /** Rows of a statement in its database. */
  sql<Row extends QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return this.installation.sql(text, values);
  }

  /** What its runs left on the engine: expected to be empty whenever all are finished. */
  async leftovers(): Promise<string[]> {
    return leftoversOf((await this.installation.id()) ?? '');
  }

  /**
   * Ends all processes with SIGTERM, then removes what belongs to the installation. Fails for a process that does not
   * end well in time, and for anything left: processes, database connections, containers, networks, volumes.
   */
  async stop(): Promise<void> {
    const problems: unknown[] = [];
    const attempt = (step: () => Promise<void>): Promise<void> =>
      step().catch((error: unknown) => void problems.push(error));
    await attempt(() => this.stopProcesses());
    await attempt(() => endLeftoverProcesses());
    await attempt(async () => {
      const left = await this.leftovers();
      await removeLeftovers(left);
      if (left.length > 0) throw new Error(`left on the engine: ${left.join(', ')}`);
    });
    await attempt(() => this.installation.close());
    await attempt(() => this.redis.stop());
    await attempt(() => this.database.drop());
    await attempt(() => rm(this.dataDir, { recursive: true, force: true }));
    if (problems.length > 0) throw new Error(problems.map(String).join('\n'), { cause: problems[0] });
  }

  private async startAll(): Promise<void> {
    const { schedulers = 1, workers = 1 } = this.options;
    for (let number = 1; number <= schedulers; number++) {
      this.schedulers.push(this.installation.start('scheduler', `scheduler ${number}`, { env: { PORT: '0' } }));
    }
    const [ready] = await Promise.all([
      Promise.all(this.schedulers.map((one) => untilReady(one))),
      ...Array.from({ length: workers }, () => this.startWorker()),
    ]);
    const { url } = JSON.parse(ready[0] ?? '{}') as { readonly url?: string };
    this.apiClient = new ApiClient(url ?? '', this.installation.apiKey);
  }

  private async stopProcesses(): Promise<void> {
    const running = [...this.workers, ...this.schedulers].filter(({ hasExited }) => !hasExited);
    for (const one of running) one.kill();
    await Promise.all(running.map((one) => untilEndedInOrder(one, SHUTDOWN_LIMIT_MS)));
  }
}
