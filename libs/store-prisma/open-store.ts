import type { TimeSource } from '@crewtab/domain/ports/clock';
import type { DelegationStore } from '@crewtab/domain/ports/delegation-store';
import type { FireStore } from '@crewtab/domain/ports/fire-store';
import type { HostStore } from '@crewtab/domain/ports/host-store';
import type { Logger } from '@crewtab/domain/ports/logger';
import type {
  AccessStore,
  IdempotencyStore,
  RunArchive,
  ScheduleStore,
  TeamStore,
} from '@crewtab/domain/ports/management-store';
import type { RunStore } from '@crewtab/domain/ports/run-store';
import { PrismaPg } from '@prisma/adapter-pg';
import { countActiveRuns } from './active-runs';
import { createPool, Database, type Statement } from './database';
import { DatabaseTime } from './database-time';
import { PrismaClient } from './generated/client';
import { readInstallation } from './installation';
import { Notifications } from './notifications';
import { PrismaAccessStore } from './prisma-access-store';
import { PrismaDelegationStore } from './prisma-delegation-store';
import { PrismaFireStore } from './prisma-fire-store';
import { PrismaHostStore } from './prisma-host-store';
import { PrismaIdempotencyStore } from './prisma-idempotency-store';
import { PrismaRunArchive } from './prisma-run-archive';
import { PrismaRunStore } from './prisma-run-store';
import { PrismaScheduleStore } from './prisma-schedule-store';
import { PrismaTeamStore } from './prisma-team-store';
import { RunChanges } from './run-changes';
import { SecretBox } from './secret-box';

export interface StoreOptions {
  readonly databaseUrl: string;
  /** 32 bytes, or their hex or base64 form. Agents' environments are sealed with it. */
  readonly encryptionKey: Buffer | string;
  /** Connections at most, without the one for notifications. Default 10. */
  readonly poolSize?: number;
  readonly logger?: Logger;
}

export interface Store {
  readonly runs: RunStore;
  readonly delegations: DelegationStore;
  readonly fires: FireStore;
  readonly hosts: HostStore;
  readonly teams: TeamStore;
  readonly schedules: ScheduleStore;
  readonly archive: RunArchive;
  readonly access: AccessStore;
  readonly idempotency: IdempotencyStore;
  /** The database's clock: the one that every stored instant is of. */
  readonly time: TimeSource;
  /** Runs that are not terminal yet, by status, over all organizations; for metrics. */
  countActiveRuns(): Promise<Record<'queued' | 'running', number>>;
  /** Resolves when Postgres answers; throws `store_unreachable` otherwise, within seconds. */
  ping(): Promise<void>;
  /** Sends what is still to be notified and closes every connection. Call it once, last. */
  close(): Promise<void>;
}

const DEFAULT_POOL_SIZE = 10;
const PING: Statement = { text: 'SELECT 1' };

/**
 * Opens the store on a migrated database (see `applyMigrations`). Throws `store_unreachable` (retryable) when Postgres does
 * not answer, and `internal` when the encryption key is malformed or not this database's.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { databaseUrl, encryptionKey, poolSize = DEFAULT_POOL_SIZE, logger = null } = options;
  const box = new SecretBox(encryptionKey);
  const pool = createPool(databaseUrl, poolSize, (error) =>
    logger?.warn({ error: error.message }, 'an idle connection to Postgres broke'),
  );
  const db = new Database(pool);
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
  const notifications = new Notifications(databaseUrl, logger);
  const changes = new RunChanges(db, logger);
  const close = async (): Promise<void> => {
    await changes.flush();
    await notifications.close();
    await prisma.$disconnect();
    await pool.end();
  };
  try {
    const installation = await readInstallation(db, box);
    const context = { db, box, changes };
    return {
      runs: new PrismaRunStore(context, notifications, installation),
      delegations: new PrismaDelegationStore(context),
      fires: new PrismaFireStore(db, notifications),
      hosts: new PrismaHostStore(context),
      teams: new PrismaTeamStore(prisma, box),
      schedules: new PrismaScheduleStore(db),
      archive: new PrismaRunArchive(context, prisma),
      access: new PrismaAccessStore(db, prisma),
      idempotency: new PrismaIdempotencyStore(db, box),
      time: new DatabaseTime(db),
      countActiveRuns: () => countActiveRuns(db),
      ping: async () => void (await db.query(PING)),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
