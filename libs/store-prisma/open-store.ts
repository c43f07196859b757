import { AppError } from '@crewtab/domain/errors';
import { effect } from '@crewtab/domain/failpoint';
import type { KeptWorkspaceStore } from '@crewtab/domain/ports/kept-workspaces';
import type { ArtifactIndex } from '@crewtab/domain/ports/artifact-index';
import type { TimeSource } from '@crewtab/domain/ports/clock';
import type { DelegationStore } from '@crewtab/domain/ports/delegation-store';
import type { FireStore } from '@crewtab/domain/ports/fire-store';
import type { HostImageStore } from '@crewtab/domain/ports/host-images';
import type { HostStore } from '@crewtab/domain/ports/host-store';
import type { Logger } from '@crewtab/domain/ports/logger';
import type {
  AccessStore,
  IdempotencyStore,
  RunArchive,
  ScheduleStore,
  TeamStore,
} from '@crewtab/domain/ports/management-store';
import type { OverviewStore } from '@crewtab/domain/ports/overview-store';
import type { RetentionStore } from '@crewtab/domain/ports/retention-store';
import type { RunEventLog } from '@crewtab/domain/ports/run-event-log';
import type { ScheduleHistory } from '@crewtab/domain/ports/schedule-history';
import type { RunStore } from '@crewtab/domain/ports/run-store';
import type { SecretStore } from '@crewtab/domain/ports/secret-store';
import type { SessionStore } from '@crewtab/domain/ports/session-store';
import type { UsageStore } from '@crewtab/domain/ports/usage-store';
import { PrismaPg } from '@prisma/adapter-pg';
import { createPool, Database, type Statement, Notifications, RUN_CHANGED, RUN_CONTROL } from './database/database';
import { RunChanges, PrismaRunEventLog } from './events/run-events';
import { CHECK_PLACE, CHECK_TEXT, isBound, SecretBox, type SecretKeys } from './database/secret-box';
import { dueSchedules } from './firing/fire-due-schedules';
import { jobSchedulers, plannedSchedules } from './firing/plan-schedules';
import { PrismaClient } from './generated/client';
import { hostHeartbeats } from './hosts/host-heartbeats';
import { hostImages } from './hosts/host-images';
import { hostLosses } from './hosts/host-lost-runs';
import { hostStanding } from './hosts/host-standing';
import { systemState } from './hosts/system-state';
import { PrismaAccessStore } from './management/prisma-access-store';
import { PrismaKeptWorkspaces } from './management/prisma-kept-workspaces';
import { PrismaArtifactIndex } from './management/prisma-artifact-index';
import { PrismaIdempotencyStore } from './management/prisma-idempotency-store';
import { PrismaOverviewStore } from './management/prisma-overview-store';
import { PrismaRetentionStore } from './management/prisma-retention-store';
import { PrismaRunArchive } from './management/prisma-run-archive';
import { PrismaSecretStore } from './management/prisma-secret-store';
import { PrismaSessionStore } from './management/prisma-session-store';
import { PrismaScheduleHistory } from './management/prisma-schedule-history';
import { PrismaScheduleStore } from './management/prisma-schedule-store';
import { PrismaTeamStore } from './management/prisma-team-store';
import { PrismaUsageStore } from './management/prisma-usage-store';
import { resealValues, type ResealReport, type SealedKind } from './management/reseal-values';
import { PrismaDelegationStore } from './runs/prisma-delegation-store';
import { runClaims } from './runs/run-claims';
import { runConversation, runTransitions } from './runs/run-transitions';
import type { RunContext } from './runs/run-row';

export interface StoreOptions {
  readonly databaseUrl: string;
  /** Agents' environments are sealed with the current one. */
  readonly encryption: SecretKeys;
  /** Connections at most, without the one for notifications. Default 10. */
  readonly poolSize?: number;
  readonly logger?: Logger;
}

export interface Store {
  readonly runs: RunStore;
  readonly delegations: DelegationStore;
  readonly fires: FireStore;
  readonly events: RunEventLog;
  readonly hosts: HostStore;
  readonly hostImages: HostImageStore;
  readonly teams: TeamStore;
  readonly schedules: ScheduleStore;
  readonly history: ScheduleHistory;
  readonly archive: RunArchive;
  readonly access: AccessStore;
  readonly sessions: SessionStore;
  readonly secrets: SecretStore;
  readonly overview: OverviewStore;
  readonly usage: UsageStore;
  readonly idempotency: IdempotencyStore;
  readonly retention: RetentionStore;
  readonly artifacts: ArtifactIndex;
  readonly keptWorkspaces: KeptWorkspaceStore;
  /** Seals all stored secrets with the current key and in the present form; see `resealValues`. */
  reseal(onBatch: (kind: SealedKind, resealed: number) => void): Promise<ResealReport>;
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

const ENSURE: Statement = {
  text: 'INSERT INTO installation (seal_check) VALUES ($1) ON CONFLICT (singleton) DO NOTHING',
};
const READ: Statement = { text: 'SELECT id, seal_check FROM installation' };

const COUNT_ACTIVE: Statement = {
  name: 'run_count_active',
  text: "SELECT status, count(*)::int AS runs FROM schedule_runs WHERE status IN ('queued', 'running') GROUP BY status",
};

/** Not now(): that is when a transaction began. */
const CLOCK: Statement = {
  name: 'time_clock',
  text: 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms',
};

/**
 * Opens the store on a migrated database (see `applyMigrations`). Throws `store_unreachable` (retryable) when Postgres does
 * not answer, and `internal` when the encryption key is malformed or not this database's.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { databaseUrl, encryption, poolSize = DEFAULT_POOL_SIZE, logger = null } = options;
  const box = new SecretBox(encryption);
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
      runs: runStore(context, notifications, installation),
      delegations: new PrismaDelegationStore(context),
      fires: { ...dueSchedules(db, changes), ...plannedSchedules(db, notifications), ...jobSchedulers(db) },
      events: new PrismaRunEventLog(db, notifications),
      hosts: { ...hostHeartbeats(context), ...hostLosses(context), ...hostStanding(context), ...systemState(context) },
      hostImages: hostImages(context),
      teams: new PrismaTeamStore(prisma, box),
      schedules: new PrismaScheduleStore(db),
      history: new PrismaScheduleHistory(db),
      archive: new PrismaRunArchive(context, prisma),
      access: new PrismaAccessStore(db, prisma),
      sessions: new PrismaSessionStore(db),
      secrets: new PrismaSecretStore(db, box),
      overview: new PrismaOverviewStore(context),
      usage: new PrismaUsageStore(db),
      idempotency: new PrismaIdempotencyStore(db, box),
      retention: new PrismaRetentionStore(db),
      artifacts: new PrismaArtifactIndex(db),
      keptWorkspaces: new PrismaKeptWorkspaces(db),
      reseal: (onBatch) => resealValues(db, box, onBatch),
      time: { now: () => readTime(db) },
      countActiveRuns: () => countActiveRuns(db),
      ping: async () => void (await db.query(PING)),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What moves runs: the parts stand in runs/, by what they are about. */
function runStore(context: RunContext, notifications: Notifications, installation: string): RunStore {
  return {
    installationId: () => Promise.resolve(installation),
    ...runClaims(context),
    ...runTransitions(context),
    ...runConversation(context),
    onRunControl: (listener) => notifications.subscribe(RUN_CONTROL, listener),
    onRunChanged: (listener) => notifications.subscribe(RUN_CHANGED, listener),
  };
}

/**
 * The database's own identity, made by the first process that asks. Throws `internal` when the encryption key is not
 * the one that the database was first used with.
 */
async function readInstallation(db: Database, box: SecretBox): Promise<string> {
  const [existing] = await db.query<{ id: string; seal_check: string }>(READ);
  if (existing) {
    openCheck(box, existing.seal_check);
    return existing.id;
  }
  await effect('postgres.installation.make', () => db.query(ENSURE, [box.seal(CHECK_TEXT, CHECK_PLACE)]));
  const [made] = await db.query<{ id: string; seal_check: string }>(READ);
  if (!made) throw new AppError('internal', 'the installation row vanished');
  openCheck(box, made.seal_check);
  return made.id;
}

/** Once the check is bound to its place, everything is: `resealValues` does it last, and a new database begins so. */
function openCheck(box: SecretBox, sealedCheck: string): void {
  box.open(sealedCheck, CHECK_PLACE);
  if (isBound(sealedCheck)) box.refuseUnbound();
}

async function countActiveRuns(db: Database): Promise<Record<'queued' | 'running', number>> {
  const rows = await db.query<{ status: 'queued' | 'running'; runs: number }>(COUNT_ACTIVE);
  return { queued: 0, running: 0, ...Object.fromEntries(rows.map(({ status, runs }) => [status, runs])) };
}

/** What the clock of Postgres shows, in whole milliseconds. Rounded down, so that it is never ahead. */
async function readTime(db: Database): Promise<Date> {
  const [row] = await db.query<{ ms: number }>(CLOCK);
  if (!row) throw new Error('Postgres answered no time');
  return new Date(Math.floor(row.ms));
}
