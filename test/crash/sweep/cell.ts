import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RunFolders } from '@crewtab/runtime-process/run-folders';
import { tearDownRun } from '@crewtab/runtime-process/run-teardown';
import Redis from 'ioredis';
import { Installation, untilEndedInOrder as endedWithin, untilReady as readyWithin } from '../../kit/installation';
import type { StartedProcess } from '../../kit/processes';
import type { TestDatabase } from '../../kit/services/database';
import { dockerHost } from '../../kit/services/docker';
import { leftoversOf, removeLeftovers } from '../../kit/services/engine-leftovers';
import { packApps, type PackedApps } from './pack-apps';

/** For machines that are busy with other work: every bound and the lease become that much longer. */
export const SLOWNESS = Number(process.env.CRASH_SLOWNESS ?? '1');
/** The sweep is nice to whatever else runs, which may be much: this is a bound, not a measurement. */
const READY_WITHIN_MS = 180_000 * SLOWNESS;
const ENDS_WITHIN_MS = 20_000 * SLOWNESS;
/** Of armed workers: short, since every case waits for it to run out. */
export const LEASE_MS = 3_000 * SLOWNESS;

/**
 * An installation for one case after the other: a database and a part of Redis of its own, so that a worker which takes
 * a run here belongs to the case. Several of them work side by side.
 */
export class Cell extends Installation {
  readonly redis: Redis;

  private constructor(
    private readonly database: TestDatabase,
    redisUrl: string,
    readonly dataDir: string,
    programs: PackedApps,
  ) {
    super({ databaseUrl: database.url, redisUrl, dataDir, dockerHost: dockerHost(), programs });
    this.redis = new Redis(redisUrl);
  }

  /** @param number from 1 to 15: of its database in Redis, which no other cell of the test run uses */
  static async make(number: number, database: TestDatabase): Promise<Cell> {
    const url = new URL(process.env.TEST_REDIS_URL ?? '');
    url.pathname = `/${number}`;
    const dataDir = await mkdtemp(join(tmpdir(), 'crewtab-crash-'));
    const cell = new Cell(database, url.href, dataDir, await packApps());
    await cell.redis.flushdb();
    return cell;
  }

  /** Ends everything of it, and removes what is its own. */
  override async close(): Promise<void> {
    await this.kill();
    await this.clearRuntimes();
    this.redis.disconnect();
    await super.close();
    await this.database.drop();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  /** The adopter's endless run, and those of cases that went wrong. */
  private async clearRuntimes(): Promise<void> {
    // A case of the first start may have died before the schema was there.
    const id = await this.id().catch(() => null);
    if (id === null) return;
    await removeLeftovers(await leftoversOf(id));
    const folders = new RunFolders(join(this.dataDir, 'processes'));
    for (const { runId } of await folders.list(id)) await tearDownRun(folders, id, runId, 0);
  }
}

export async function untilReady(process: StartedProcess): Promise<StartedProcess> {
  await readyWithin(process, READY_WITHIN_MS);
  return process;
}

/** @throws Error when it does not end, or not with exit code 0 */
export async function endInOrder(process: StartedProcess): Promise<void> {
  if (process.hasExited) return;
  process.kill('SIGTERM');
  await untilEndedInOrder(process);
}

/** Of one that has its SIGTERM. @throws Error when it does not end, or not with exit code 0 */
export function untilEndedInOrder(process: StartedProcess): Promise<void> {
  return endedWithin(process, ENDS_WITHIN_MS);
}
