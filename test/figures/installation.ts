import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { importDemoImage } from '@crewtab/launcher/demo-program';
import type { ApiClient } from '../kit/client';
import { Installation, untilReady, type Environment } from '../kit/installation';
import type { StartedProcess } from '../kit/processes';
import { openEngineServer, type EngineServer } from '../kit/servers/engine-server';
import { PostgresServer } from '../kit/servers/postgres-server';
import { RedisServer } from '../kit/servers/redis-server';
import type { Shutdown } from '../kit/shutdown';

const READY_WITHIN_MS = 180_000;
/** Long paths do not fit into a unix socket's address, and the user `postgres` must be able to walk here. */
const ROOT = '/var/tmp';

export interface InstallOptions {
  readonly workers: number;
  readonly schedulers: number;
  readonly workerEnv?: Environment;
}

/** The product as people run it, as processes, on a Postgres, a Redis and a container engine of its own. */
export class MeasuredInstallation extends Installation {
  readonly workers: StartedProcess[] = [];
  readonly schedulers: StartedProcess[] = [];
  private readonly apis: ApiClient[] = [];
  private started = 0;

  private constructor(
    readonly image: string,
    readonly docker: EngineServer,
    readonly redis: RedisServer,
    postgres: PostgresServer,
    dataDir: string,
    workerEnv: Environment,
  ) {
    super({
      databaseUrl: postgres.url,
      redisUrl: redis.urlAt(redis.port),
      dataDir,
      dockerHost: docker.dockerHost,
      env: { worker: { WORKER_CONCURRENCY: '50', ...workerEnv } },
    });
  }

  /** Resolves when all processes are ready. What is started is handed to `shutdown` at once. */
  static async install(options: InstallOptions, shutdown: Shutdown): Promise<MeasuredInstallation> {
    const folder = await mkdtemp(join(ROOT, 'crewtab-figures-'));
    await chmod(folder, 0o711);
    shutdown.add('the folder', () => rm(folder, { recursive: true, force: true }));
    const postgres = await PostgresServer.start(folder);
    shutdown.add('Postgres', () => postgres.stop());
    const redis = await RedisServer.start(folder);
    shutdown.add('Redis', () => redis.stop());
    const docker = await openEngineServer(folder, join(folder, 'dockerd.log'));
    shutdown.add('the container engine', () => docker.stop());
    const dataDir = join(folder, 'data');
    await mkdir(dataDir);
    const image = await importDemoImage(docker.dockerHost, () => undefined);
    const made = new MeasuredInstallation(image, docker, redis, postgres, dataDir, options.workerEnv ?? {});
    shutdown.add('the connections', () => made.close());
    shutdown.add('the processes', () => made.kill());
    for (let number = 0; number < options.schedulers; number++) await made.startNumbered(number);
    await Promise.all(Array.from({ length: options.workers }, () => made.startWorker()));
    return made;
  }

  /** By way of one of the schedulers. */
  api(scheduler = 0): ApiClient {
    const api = this.apis[scheduler];
    if (api === undefined) throw new Error(`scheduler ${scheduler} was never started`);
    return api;
  }

  /** Resolves when it is ready. */
  async startWorker(): Promise<StartedProcess> {
    this.started += 1;
    const worker = this.start('worker', `worker ${this.started}`);
    this.workers.push(worker);
    await untilReady(worker, READY_WITHIN_MS);
    return worker;
  }

  /** Starts the scheduler of this number, again on the same port. Resolves when it is ready. */
  async startNumbered(number: number): Promise<StartedProcess> {
    const known = this.apis[number];
    const port = known === undefined ? undefined : Number(new URL(known.baseUrl).port);
    const { process, api } = await this.startScheduler(`scheduler ${number + 1}`, {}, port);
    this.apis[number] = api;
    this.schedulers[number] = process;
    await untilReady(process, READY_WITHIN_MS);
    return process;
  }

  /** Those that run, in the order in which they were started. */
  runningWorkers(): StartedProcess[] {
    return this.workers.filter(({ hasExited }) => !hasExited);
  }

  /** The database's clock, ms since 1970. */
  async now(): Promise<number> {
    const [row] = await this.sql<{ at: Date }>('SELECT clock_timestamp() AS at');
    return row?.at.getTime() ?? NaN;
  }

  /** A schedule that is only triggered by hand, of a team with the demo agent as its leader. */
  async schedule(prompt: string, { timeout = '1h', env = {} } = {}): Promise<string> {
    const leader = { name: 'lead', role: 'leader', protocol: 'acp', image: this.image, env } as const;
    const team = await this.api().createTeam({ name: 'Figures', agents: [leader] });
    const wish = { teamId: team.id, name: 'Figures', prompt, cron: '0 0 1 1 *', timeout };
    return (await this.api().createSchedule(wish)).id;
  }
}
