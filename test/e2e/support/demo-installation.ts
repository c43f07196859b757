import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import type { ApiClient } from '../../kit/client';
import { seedDemo } from '../../kit/demo-data/seed-demo';
import {
  Installation,
  untilEndedInOrder,
  untilReady,
  type Environment,
  type StartedScheduler,
} from '../../kit/installation';
import { createTestDatabase, type TestDatabase } from '../../kit/services/database';
import { startE2eRedis, type E2eRedis } from '../../kit/services/redis-container';
import { buildApps } from './build';

/** What a shutdown must keep to, ms. */
const SHUTDOWN_LIMIT_MS = 10_000;

/** A month of history, a scheduler and no worker: for pages that nothing has to happen on. */
export class DemoInstallation {
  private constructor(
    private readonly installation: Installation,
    private readonly database: TestDatabase,
    private readonly redis: E2eRedis,
    private readonly dataDir: string,
    private started: StartedScheduler,
  ) {}

  /** @param env settings of the scheduler, over those of the kit */
  static async start(env: Environment = {}): Promise<DemoInstallation> {
    await buildApps();
    const [database, redis] = await Promise.all([createTestDatabase(), startE2eRedis()]);
    const dataDir = await mkdtemp(join(tmpdir(), 'crewtab-demo-'));
    await seedDemo({ databaseUrl: database.url });
    const installation = new Installation({
      ...{ databaseUrl: database.url, redisUrl: redis.url, dataDir, dockerHost: null },
      env: { scheduler: env },
    });
    const started = await installation.startScheduler('scheduler');
    await untilReady(started.process);
    return new DemoInstallation(installation, database, redis, dataDir, started);
  }

  get api(): ApiClient {
    return this.started.api;
  }

  /** Ends the scheduler, and starts it anew on the same port. */
  async restartScheduler(whileDown: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    await this.endScheduler();
    await whileDown();
    this.started = await this.installation.startScheduler('scheduler', {}, Number(new URL(this.started.url).port));
    await untilReady(this.started.process);
  }

  async sql(text: string, values: readonly unknown[] = []): Promise<void> {
    await this.installation.sql(text, values);
  }

  /** Writes rows as they would stand, without the triggers that keep history and tell of changes. */
  async rewrite<T>(write: (client: Client) => Promise<T>): Promise<T> {
    const client = new Client({ connectionString: this.database.url });
    await client.connect();
    try {
      await client.query('SET session_replication_role = replica');
      return await write(client);
    } finally {
      await client.end();
    }
  }

  async stop(): Promise<void> {
    await this.endScheduler();
    await this.installation.close();
    await this.redis.stop();
    await this.database.drop();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  private async endScheduler(): Promise<void> {
    this.started.process.kill();
    await untilEndedInOrder(this.started.process, SHUTDOWN_LIMIT_MS);
  }
}
