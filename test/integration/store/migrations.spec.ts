import { applyMigrations, findMigrationsDir, readMigrations } from '@crewtab/store-prisma/database/migrate';
import { createHash } from 'node:crypto';
import { appendFile, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type QueryResultRow } from 'pg';
import { createEmptyDatabase, type TestDatabase } from '../../kit/services/database';

let database: TestDatabase;
let migrationsDir: string;

beforeEach(async () => {
  database = await createEmptyDatabase();
  migrationsDir = await mkdtemp(join(tmpdir(), 'crewtab-migrations-'));
  await cp(findMigrationsDir(), migrationsDir, { recursive: true });
});
afterEach(async () => {
  await rm(migrationsDir, { recursive: true });
  await database.drop();
});

async function sql<R extends QueryResultRow>(text: string): Promise<R[]> {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  try {
    return (await client.query<R>(text)).rows;
  } finally {
    await client.end();
  }
}

const history = (): Promise<Record<string, unknown>[]> => sql('SELECT * FROM _prisma_migrations ORDER BY started_at');

async function addMigration(name: string, script: string): Promise<void> {
  await mkdir(join(migrationsDir, name));
  await writeFile(join(migrationsDir, name, 'migration.sql'), script);
}

it('brings an empty database to the schema, and then has nothing to do', async () => {
  const migrations = await readMigrations(migrationsDir);
  const names = migrations.map(({ name }) => name);
  const said: string[] = [];
  expect(await applyMigrations(database.url, { migrationsDir, log: (message) => said.push(message) })).toEqual(names);
  expect(said).toEqual(names.map((name) => `applying migration ${name}`));
  expect(await applyMigrations(database.url, { migrationsDir })).toEqual([]);
  expect(await sql('SELECT count(*)::int AS runs FROM schedule_runs')).toEqual([{ runs: 0 }]);
});

it('goes on from the text that a migration had before it needed no superuser', async () => {
  await applyMigrations(database.url, { migrationsDir });
  const former = '3c269bd4b330d820d178ce929258c0d82bc3c7066713c08a07f491101594f992';
  const claim = (name: string) =>
    sql(`UPDATE _prisma_migrations SET checksum = '${former}' WHERE migration_name = '${name}'`);
  await claim('20261130210000_retention');
  expect(await applyMigrations(database.url, { migrationsDir })).toEqual([]);
  await claim('20261130220000_event_retention');
  await expect(applyMigrations(database.url, { migrationsDir })).rejects.toMatchObject({ code: 'internal' });
});

it('writes its history as the Prisma CLI does', async () => {
  await applyMigrations(database.url, { migrationsDir });
  const [first] = await readMigrations(migrationsDir);
  const rows = await history();
  expect(rows[0]).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    checksum: createHash('sha256')
      .update(first?.sql ?? '')
      .digest('hex'),
    migration_name: first?.name,
    logs: null,
    rolled_back_at: null,
    started_at: expect.any(Date) as Date,
    finished_at: expect.any(Date) as Date,
    applied_steps_count: 1,
  });
});

it('is applied once by several processes that start together', async () => {
  const applied = await Promise.all(Array.from({ length: 4 }, () => applyMigrations(database.url, { migrationsDir })));
  const { length } = await readMigrations(migrationsDir);
  expect(applied.map((names) => names.length).sort()).toEqual([0, 0, 0, length]);
  expect(await history()).toHaveLength(length);
});

it('applies what was added since', async () => {
  await applyMigrations(database.url, { migrationsDir });
  await addMigration('29990101000000_more', 'CREATE TABLE more (id int); INSERT INTO more VALUES (1);');
  expect(await applyMigrations(database.url, { migrationsDir })).toEqual(['29990101000000_more']);
  expect(await sql('SELECT id FROM more')).toEqual([{ id: 1 }]);
});

it('leaves nothing of a migration that fails, and does it anew when it is repaired', async () => {
  await addMigration('29990101000000_bad', 'CREATE TABLE half (id int); SELECT nonsense;');
  await expect(applyMigrations(database.url, { migrationsDir })).rejects.toMatchObject({
    code: 'internal',
    message: expect.stringMatching(/29990101000000_bad failed and was rolled back: .*nonsense/) as string,
  });
  expect(await sql(`SELECT to_regclass('half') AS half, to_regclass('schedule_runs')::text AS runs`)).toEqual([
    { half: null, runs: 'schedule_runs' },
  ]);
  await writeFile(join(migrationsDir, '29990101000000_bad', 'migration.sql'), 'CREATE TABLE half (id int);');
  expect(await applyMigrations(database.url, { migrationsDir })).toEqual(['29990101000000_bad']);
});

it('refuses a migration that was changed after it was applied', async () => {
  await applyMigrations(database.url, { migrationsDir });
  const [first] = await readMigrations(migrationsDir);
  await appendFile(join(migrationsDir, first?.name ?? '', 'migration.sql'), '\n-- changed');
  await expect(applyMigrations(database.url, { migrationsDir })).rejects.toMatchObject({
    code: 'internal',
    message: expect.stringMatching(/was changed after it was applied/) as string,
  });
});

it('refuses a database that is newer than the code', async () => {
  await addMigration('29990101000000_future', 'SELECT 1;');
  await applyMigrations(database.url, { migrationsDir });
  await rm(join(migrationsDir, '29990101000000_future'), { recursive: true });
  await expect(applyMigrations(database.url, { migrationsDir })).rejects.toMatchObject({
    code: 'internal',
    message: expect.stringMatching(/newer than this version.*29990101000000_future/) as string,
  });
});

it('refuses to go on after a migration that the CLI left half done', async () => {
  await applyMigrations(database.url, { migrationsDir });
  await sql('UPDATE _prisma_migrations SET finished_at = NULL');
  await expect(applyMigrations(database.url, { migrationsDir })).rejects.toMatchObject({
    message: expect.stringMatching(/begun by the Prisma CLI and failed/) as string,
  });
});

it('says that Postgres cannot be reached', async () => {
  const nowhere = applyMigrations('postgresql://postgres@127.0.0.1:1/none', { migrationsDir });
  await expect(nowhere).rejects.toMatchObject({ code: 'store_unreachable', retryable: true });
});

it('releases the lock when its process is idle: Postgres ends such a session', async () => {
  await addMigration(
    '29991231235959_seen',
    `CREATE TABLE seen AS SELECT current_setting('idle_session_timeout') AS idle,
      current_setting('idle_in_transaction_session_timeout') AS in_transaction`,
  );
  await applyMigrations(database.url, { migrationsDir });
  expect(await sql('SELECT * FROM seen')).toEqual([{ idle: '15s', in_transaction: '15s' }]);
});
