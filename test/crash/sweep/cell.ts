import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findFreePort } from '@crewtab/local-services/free-port';
import { RunFolders } from '@crewtab/runtime-process/run-folders';
import { tearDownRun } from '@crewtab/runtime-process/run-teardown';
import Redis from 'ioredis';
import { Pool, type QueryResultRow } from 'pg';
import { ApiClient } from '../../kit/client';
import { leftoversOf, removeLeftovers } from '../../kit/services/engine-leftovers';
import type { TestDatabase } from '../../kit/services/database';
import { dockerHost } from '../../kit/services/docker';
import { startNode, type StartedProcess } from '../../kit/processes';
import { packApps, type App, type PackedApps } from './pack-apps';

const PROJECT = resolve(__dirname, '../../..');
/** For machines that are busy with other things: every bound and the lease become that much longer. */
export const SLOWNESS = Number(process.env.CRASH_SLOWNESS ?? '1');
/** The sweep is nice to whatever else runs, which may be much: this is a bound, not a measurement. */
const READY_WITHIN_MS = 180_000 * SLOWNESS;
const ENDS_WITHIN_MS = 20_000 * SLOWNESS;
/** Of armed workers: short, since every case waits for it to run out. */
export const LEASE_MS = 3_000 * SLOWNESS;

export interface StartedScheduler {
  readonly process: StartedProcess;
  readonly url: string;
  readonly api: ApiClient;
}

export type Environment = Readonly<Record<string, string>>;

/**
 * An installation for one case after the other: a database and a part of Redis of its own, so that whoever takes a run
 * here belongs to the case. Several of them work side by side.
 */
export class Cell {
  readonly redis: Redis;
  private readonly pool: Pool;
  readonly apiKey = randomBytes(24).toString('base64url');
  private readonly encryptionKey = randomBytes(32).toString('hex');
  private readonly processes = new Set<StartedProcess>();

  private constructor(
    private readonly database: TestDatabase,
    private readonly redisUrl: string,
    readonly dataDir: string,
    private readonly apps: PackedApps,
  ) {
    this.pool = new Pool({ connectionString: database.url, max: 3 });
    this.redis = new Redis(redisUrl);
  }

  /** @param number from 1 to 15: of its database in Redis, which nobody else of the test run uses */
  static async make(number: number, database: TestDatabase): Promise<Cell> {
    const url = new URL(process.env.TEST_REDIS_URL ?? '');
    url.pathname = `/${number}`;
    const dataDir = await mkdtemp(join(tmpdir(), 'crewtab-crash-'));
    const cell = new Cell(database, url.href, dataDir, await packApps());
    await cell.redis.flushdb();
    return cell;
  }

  /** Starts a worker; it is ready when its log says so. */
  startWorker(name: string, env: Environment = {}): StartedProcess {
    return this.start(name, 'worker', {
      DOCKER_HOST: dockerHost(),
      AGENT_STOP_GRACE: '1s',
      ...env,
    });
  }

  /** Starts a scheduler on a free port. */
  async startScheduler(name: string, env: Environment = {}): Promise<StartedScheduler> {
    const port = await findFreePort();
    const url = `http://127.0.0.1:${port}`;
    const process = this.start(name, 'scheduler', { PORT: String(port), CREWTAB_API_KEY: this.apiKey, ...env });
    return { process, url, api: new ApiClient(url, this.apiKey) };
  }

  async sql<Row extends QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.pool.query<Row>(text, [...values])).rows;
  }

  async close(): Promise<void> {
    for (const process of this.processes) process.kill('SIGKILL');
    await Promise.all([...this.processes].map((process) => process.exited));
    await this.clearRuntimes();
    this.redis.disconnect();
    await this.pool.end();
    await this.database.drop();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  /** The adopter's endless run, and those of cases that went wrong. */
  private async clearRuntimes(): Promise<void> {
    const rows = await this.sql<{ id: string }>('SELECT id FROM installation').catch(() => []);
    const folders = new RunFolders(join(this.dataDir, 'processes'));
    for (const { id } of rows) {
      await removeLeftovers(await leftoversOf(id));
      for (const { runId } of await folders.list(id)) await tearDownRun(folders, id, runId, 0);
    }
  }

  private start(name: string, app: App, env: Environment): StartedProcess {
    const started = startNode(name, [this.apps[app]], {
      cwd: PROJECT,
      env: {
        DATABASE_URL: this.database.url,
        REDIS_URL: this.redisUrl,
        CREWTAB_ENCRYPTION_KEY: this.encryptionKey,
        CREWTAB_DATA_DIR: this.dataDir,
        LOG_LEVEL: 'info',
        ...env,
      },
    });
    this.processes.add(started);
    void started.exited.then(() => this.processes.delete(started));
    return started;
  }
}

export async function untilReady(process: StartedProcess): Promise<StartedProcess> {
  await process.waitForLine(/(worker|scheduler) ready/, { timeoutMs: READY_WITHIN_MS });
  return process;
}

/** @throws Error when it does not end, or not with exit code 0 */
export async function endInOrder(process: StartedProcess): Promise<void> {
  if (process.hasExited) return;
  process.kill('SIGTERM');
  await untilEndedInOrder(process);
}

/** Of one that has its SIGTERM. @throws Error when it does not end, or not with exit code 0 */
export async function untilEndedInOrder(process: StartedProcess): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${process.name} did not end after SIGTERM`)), ENDS_WITHIN_MS);
  });
  try {
    const { code, signal } = await Promise.race([process.exited, late]);
    if (code !== 0) throw new Error(`${process.name} ended with ${code ?? signal} after SIGTERM:\n${process.tail(5)}`);
  } finally {
    clearTimeout(timer);
  }
}
