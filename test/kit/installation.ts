import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { findFreePort } from '@crewtab/local-services/free-port';
import { Pool, type QueryResultRow } from 'pg';
import { ApiClient } from './client';
import { startNode, type ProcessOptions, type StartedProcess } from './processes';

export type App = 'scheduler' | 'worker';
export type Environment = Readonly<Record<string, string>>;

export interface InstallationOptions {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly dataDir: string;
  /** Of the workers; null where none is started. */
  readonly dockerHost: string | null;
  /** Default: one of its own. */
  readonly encryptionKey?: string;
  /** Settings of every scheduler and every worker, over those of the kit. */
  readonly env?: Partial<Readonly<Record<App, Environment>>>;
  /** Default: the apps as the build made them. */
  readonly programs?: Readonly<Record<App, string>>;
}

export interface StartOptions extends Omit<ProcessOptions, 'env' | 'cwd'> {
  /** Over the settings of the installation. */
  readonly env?: Environment;
  /** For Node itself. */
  readonly nodeArgs?: readonly string[];
}

export interface StartedScheduler {
  readonly process: StartedProcess;
  readonly url: string;
  readonly api: ApiClient;
}

/** One key asks here for everything that happens at once, as fast as it can. */
const WITHOUT_LIMITS = {
  API_REQUEST_LIMIT: '1000000000',
  API_STREAM_LIMIT: '100000',
  API_ADDRESS_STREAM_LIMIT: '100000',
};

/**
 * The processes of one installation, which the tests start, stop and kill as an operator's supervisor does. Its database, its
 * Redis and its container engine belong to the group of tests that uses it.
 */
export class Installation {
  readonly apiKey = randomBytes(24).toString('base64url');
  private readonly encryptionKey: string;
  private readonly running = new Set<StartedProcess>();
  private readonly pool: Pool;

  constructor(private readonly options: InstallationOptions) {
    this.encryptionKey = options.encryptionKey ?? randomBytes(32).toString('hex');
    // It connects with the first statement.
    this.pool = new Pool({ connectionString: options.databaseUrl, max: 4 });
    // A connection in the pool that a restart of Postgres breaks.
    this.pool.on('error', () => undefined);
  }

  /** Starts a process, and does not wait for it. */
  start(app: App, name: string, { env, nodeArgs = [], ...options }: StartOptions = {}): StartedProcess {
    const program = this.options.programs?.[app] ?? resolve(`dist/apps/${app}/src/main.js`);
    const started = startNode(name, [...nodeArgs, program], {
      ...options,
      cwd: process.cwd(),
      env: { ...this.settingsOf(app), ...this.options.env?.[app], ...env },
    });
    this.running.add(started);
    void started.exited.then(() => this.running.delete(started));
    return started;
  }

  /** Starts a scheduler on the port, or on a free one, and does not wait for it. */
  async startScheduler(name: string, options: StartOptions = {}, port?: number): Promise<StartedScheduler> {
    const chosen = port ?? (await findFreePort());
    const process = this.start('scheduler', name, { ...options, env: { PORT: String(chosen), ...options.env } });
    const url = `http://127.0.0.1:${chosen}`;
    return { process, url, api: new ApiClient(url, this.apiKey) };
  }

  /** SIGKILL to all that still run. Resolves when they have ended. */
  async kill(): Promise<void> {
    const running = [...this.running];
    for (const one of running) one.kill('SIGKILL');
    await Promise.all(running.map((one) => one.exited));
  }

  async sql<R extends QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<R[]> {
    return (await this.pool.query<R>(text, [...values])).rows;
  }

  /** What its resources on the container engine are labelled with; null before the first scheduler was ready. */
  async id(): Promise<string | null> {
    const rows = await this.sql<{ id: string }>('SELECT id FROM installation');
    return rows[0]?.id ?? null;
  }

  /** Ends the connections of `sql`. */
  close(): Promise<void> {
    return this.pool.end();
  }

  private settingsOf(app: App): Environment {
    const { databaseUrl, redisUrl, dataDir, dockerHost } = this.options;
    return {
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      CREWTAB_ENCRYPTION_KEY: this.encryptionKey,
      CREWTAB_DATA_DIR: dataDir,
      ARTIFACT_FOLDER: join(dataDir, 'artifacts'),
      LOG_LEVEL: 'info',
      // For what teams of version 0.1 have.
      NETWORK_OPEN_ALLOWED: 'true',
      ...(app === 'scheduler' ? { CREWTAB_API_KEY: this.apiKey, ...WITHOUT_LIMITS } : { AGENT_STOP_GRACE: '1s' }),
      ...(app === 'worker' && dockerHost !== null ? { DOCKER_HOST: dockerHost } : {}),
    };
  }
}

/**
 * @param withinMs a bound for busy machines, no measurement: a start takes a second on an idle one
 * @returns the line of its log that says so
 * @throws Error with the end of its log when it ends, or is not ready in time
 */
export function untilReady(process: StartedProcess, withinMs = 60_000): Promise<string> {
  return process.waitForLine(/"(scheduler|worker) ready"/, { timeoutMs: withinMs });
}

/** After SIGTERM. @throws Error when one does not end in time, or not with exit code 0 */
export async function untilEndedInOrder(process: StartedProcess, withinMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${process.name} did not end ${withinMs} ms after SIGTERM`)), withinMs);
  });
  try {
    const { code, signal } = await Promise.race([process.exited, late]);
    if (code !== 0) throw new Error(`${process.name} ended with ${code ?? signal} after SIGTERM:\n${process.tail(5)}`);
  } finally {
    clearTimeout(timer);
  }
}
