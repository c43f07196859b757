import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '@crewtab/domain/errors';
import { effect } from '@crewtab/domain/failpoint';
import { Client } from 'pg';
import { CONNECT_TIMEOUT_MS } from './database';
import { toStoreError } from './store-errors';

const SCRIPT = 'migration.sql';

/** The lock that `prisma migrate` takes too, so that ours and the stock CLI never work at once. */
const PRISMA_ADVISORY_LOCK = 72_707_369;

/**
 * A process that is stopped while it has the lock would keep all others from starting. Postgres therefore ends a session
 * that is idle for 15 s, and rolls back what it had not committed. `idle_session_timeout` exists from Postgres 14 on.
 */
const LIMIT_IDLE_TIME = `SELECT set_config(name, '15s', false) FROM pg_settings
  WHERE name IN ('idle_session_timeout', 'idle_in_transaction_session_timeout')`;

/**
 * Checksums of migrations whose file was changed afterwards, to what a database that has the old text cannot tell from it once
 * the later migrations are applied. The two had a clause that only a superuser may write; `history_without_superuser` replaces it.
 */
const FORMER_CHECKSUMS: ReadonlyMap<string, string> = new Map([
  ['20261130210000_retention', '3c269bd4b330d820d178ce929258c0d82bc3c7066713c08a07f491101594f992'],
  ['20261130220000_event_retention', '96a7fab2d60e47a3a49ee2dbc1181100bf9b5d688f37e88b0491c71d5cbcf592'],
]);

/** The table as `prisma migrate` makes it. */
const CREATE_HISTORY = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             TIMESTAMPTZ,
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          TIMESTAMPTZ,
    started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count     INTEGER NOT NULL DEFAULT 0
)`;

export interface Migration {
  /** The directory's name, `<timestamp>_<name>`; they are applied in this order. */
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the file's bytes in hex, as `prisma migrate` computes it. */
  readonly checksum: string;
}

export interface MigrateOptions {
  /** Default: prisma/migrations of this project. */
  readonly migrationsDir?: string;
  /** Told the name of every migration before it is applied. */
  readonly log?: (message: string) => void;
}

interface HistoryRow {
  readonly migration_name: string;
  readonly checksum: string;
  readonly finished_at: Date | null;
}

/**
 * Brings the database to this code's schema, as `prisma migrate deploy` would, without its engine. Safe at every start
 * and from several processes at once: an advisory lock lets one work and the others find nothing left to do. Each
 * migration is one transaction, so a failed or interrupted one changes nothing.
 *
 * Throws `store_unreachable` (retryable) when Postgres does not answer, and `internal` with words that say what to do when a
 * migration was changed after it was applied, is half applied, or the database is newer than this code.
 *
 * @returns the names of the migrations that were applied now.
 */
export async function applyMigrations(databaseUrl: string, options: MigrateOptions = {}): Promise<string[]> {
  const migrations = await readMigrations(options.migrationsDir ?? findMigrationsDir());
  const client = new Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'crewtab migrate',
  });
  // A connection that breaks while idle emits an event, which would end the process; the next query fails as well.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(LIMIT_IDLE_TIME);
    await effect('postgres.migration.lock', () => client.query('SELECT pg_advisory_lock($1)', [PRISMA_ADVISORY_LOCK]));
    const pending = findPending(migrations, await readHistory(client));
    for (const migration of pending) {
      options.log?.(`applying migration ${migration.name}`);
      await apply(client, migration);
    }
    return pending.map(({ name }) => name);
  } catch (error) {
    throw toStoreError(error);
  } finally {
    // Ends the session and with it the lock.
    await client.end();
  }
}

async function readHistory(client: Client): Promise<HistoryRow[]> {
  await effect('postgres.migration.history', () => client.query(CREATE_HISTORY));
  const history = await client.query<HistoryRow>(
    'SELECT migration_name, checksum, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY started_at',
  );
  return history.rows;
}

function findPending(migrations: readonly Migration[], history: readonly HistoryRow[]): Migration[] {
  const known = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const row of history) {
    const migration = known.get(row.migration_name);
    if (!migration) {
      throw refused(
        `the database is newer than this version of Crewtab: it has the migration ${row.migration_name}, which this code does not know. Start the newer version.`,
      );
    }
    if (!row.finished_at) {
      throw refused(
        `the migration ${row.migration_name} was begun by the Prisma CLI and failed. See "prisma migrate resolve".`,
      );
    }
    if (row.checksum !== migration.checksum && row.checksum !== FORMER_CHECKSUMS.get(migration.name)) {
      throw refused(
        `the migration ${row.migration_name} was changed after it was applied to this database. Put the file back as it was and write a new migration.`,
      );
    }
  }
  const applied = new Set(history.map((row) => row.migration_name));
  return migrations.filter(({ name }) => !applied.has(name));
}

async function apply(client: Client, migration: Migration): Promise<void> {
  const startedAt = new Date();
  try {
    await client.query('BEGIN');
    // One round trip: Postgres splits the script itself, which no client does right (functions, quoted semicolons).
    await client.query(migration.sql);
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, $4, now(), 1)`,
      [randomUUID(), migration.checksum, migration.name, startedAt],
    );
    await effect('postgres.migration.commit', () => client.query('COMMIT'));
  } catch (error) {
    // The session ends next, which rolls back.
    const failure = toStoreError(error);
    if (failure.retryable) throw failure;
    throw refused(`the migration ${migration.name} failed and was rolled back: ${failure.message}`, error);
  }
}

function refused(message: string, cause?: unknown): AppError {
  return new AppError('internal', message, { cause });
}

/** The migrations that belong to this code, oldest first. */
export async function readMigrations(directory: string): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isDirectory() && existsSync(join(directory, entry.name, SCRIPT)))
    .map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const bytes = await readFile(join(directory, name, SCRIPT));
      return { name, sql: bytes.toString('utf8'), checksum: createHash('sha256').update(bytes).digest('hex') };
    }),
  );
}

/** prisma/migrations of the project that this file belongs to, whether it runs from its source or from `dist`. */
export function findMigrationsDir(from: string = __dirname): string {
  for (let directory = from; ; directory = dirname(directory)) {
    const candidate = join(directory, 'prisma', 'migrations');
    if (existsSync(candidate)) return candidate;
    if (dirname(directory) === directory) throw new Error(`no prisma/migrations in ${from} or above it`);
  }
}
