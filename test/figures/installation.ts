import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { importDemoImage } from '@crewtab/launcher/demo-program';
import { findFreePort } from '@crewtab/local-services/free-port';
import { Pool, type QueryResultRow } from 'pg';
import { openDockerPlace, type DockerPlace } from '../kit/servers/engine-server';
import { PostgresPlace } from '../kit/servers/postgres-server';
import { RedisPlace } from '../kit/servers/redis-server';
import { Shutdown } from '../kit/shutdown';
import { ApiClient } from '../kit/client';
import { startNode, type StartedProcess } from '../kit/processes';

const PROJECT = resolve(__dirname, '../..');
const READY_WITHIN_MS = 180_000;
/** Long paths do not fit into a unix socket's address, and the user `postgres` must be able to walk here. */
const ROOT = '/var/tmp';

export interface InstallOptions {
  readonly workers: number;
  readonly schedulers: number;
  readonly workerEnv?: Readonly<Record<string, string>>;
}

/** The product as people run it, as processes, on a Postgres, a Redis and a container engine of its own. */
export class Installation {
  readonly workers: StartedProcess[] = [];
  readonly schedulers: StartedProcess[] = [];
  private readonly apiKey = randomBytes(24).toString('base64url');
  private readonly encryptionKey = randomBytes(32).toString('hex');
  private readonly ports: number[] = [];
  private started = 0;

  private constructor(
    readonly image: string,
    readonly docker: DockerPlace,
    readonly redis: RedisPlace,
    private readonly postgres: PostgresPlace,
    private readonly pool: Pool,
    private readonly dataDir: string,
    private readonly workerEnv: Readonly<Record<string, string>>,
  ) {}

  /** Resolves when all processes are ready. What is started is handed to `shutdown` at once. */
  static async start(options: InstallOptions, shutdown: Shutdown): Promise<Installation> {
    const folder = await mkdtemp(join(ROOT, 'crewtab-figures-'));
    await chmod(folder, 0o711);
    shutdown.add('the folder', () => rm(folder, { recursive: true, force: true }));
    const postgres = await PostgresPlace.start(folder);
    shutdown.add('Postgres', () => postgres.stop());
    const redis = await RedisPlace.start(folder);
    shutdown.add('Redis', () => redis.stop());
    const docker = await openDockerPlace(folder, join(folder, 'dockerd.log'));
    shutdown.add('the container engine', () => docker.stop());
    const dataDir = join(folder, 'data');
    await mkdir(dataDir);
    const pool = new Pool({ connectionString: postgres.url, max: 4 });
    pool.on('error', () => undefined);
    shutdown.add('the connections', () => pool.end());
    const image = await importDemoImage(docker.dockerHost, () => undefined);
    const env = options.workerEnv ?? {};
    const made = new Installation(image, docker, redis, postgres, pool, dataDir, env);
    shutdown.add('the processes', () => made.stopProcesses());
    for (let n = 0; n < options.schedulers; n++) await made.startScheduler(n);
    await Promise.all(Array.from({ length: options.workers }, () => made.startWorker()));
    return made;
  }

  /** By way of one of the schedulers. */
  api(scheduler = 0): ApiClient {
    return new ApiClient(`http://127.0.0.1:${this.ports[scheduler]}`, this.apiKey);
  }

  /** Resolves when it is ready. */
  async startWorker(): Promise<StartedProcess> {
    this.started += 1;
    const env = { DOCKER_HOST: this.docker.dockerHost, AGENT_STOP_GRACE: '1s', WORKER_CONCURRENCY: '50' };
    const worker = this.startApp(`worker ${this.started}`, 'worker', { ...env, ...this.workerEnv });
    this.workers.push(worker);
    await worker.waitForLine(/worker ready/, { timeoutMs: READY_WITHIN_MS });
    return worker;
  }

  /** Starts the scheduler of this number, again on the same port. Resolves when it is ready. */
  async startScheduler(number: number): Promise<StartedProcess> {
    this.ports[number] ??= await findFreePort();
    const env = { PORT: String(this.ports[number]), CREWTAB_API_KEY: this.apiKey };
    const scheduler = this.startApp(`scheduler ${number + 1}`, 'scheduler', env);
    this.schedulers[number] = scheduler;
    await scheduler.waitForLine(/scheduler ready/, { timeoutMs: READY_WITHIN_MS });
    return scheduler;
  }

  /** Those that run, in the order in which they were started. */
  runningWorkers(): StartedProcess[] {
    return this.workers.filter(({ hasExited }) => !hasExited);
  }

  async sql<R extends QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<R[]> {
    return (await this.pool.query<R>(text, [...values])).rows;
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

  private startApp(name: string, app: 'scheduler' | 'worker', env: Readonly<Record<string, string>>): StartedProcess {
    return startNode(name, [join(PROJECT, `dist/apps/${app}/src/main.js`)], {
      cwd: PROJECT,
      env: {
        DATABASE_URL: this.postgres.url,
        REDIS_URL: this.redis.urlAt(this.redis.port),
        CREWTAB_ENCRYPTION_KEY: this.encryptionKey,
        CREWTAB_DATA_DIR: this.dataDir,
        LOG_LEVEL: 'info',
        ...env,
      },
    });
  }

  private async stopProcesses(): Promise<void> {
    const running = [...this.workers, ...this.schedulers].filter(({ hasExited }) => !hasExited);
    for (const one of running) one.kill('SIGKILL');
    await Promise.all(running.map((one) => one.exited));
  }
}
