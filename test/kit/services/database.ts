import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { applyMigrations, findMigrationsDir, readMigrations } from '@crewtab/store-prisma/database/migrate';
import { Client, escapeIdentifier } from 'pg';
import { eventually } from '../wait-for';

/** A database of one test file, with the present schema and nothing in it. */
export interface TestDatabase {
  readonly url: string;
  readonly name: string;
  /**
   * Removes it. Fails when the test left connections open (a pool that was not ended), after a moment of waiting for
   * those of processes that just ended; the database is gone all the same.
   */
  drop(): Promise<void>;
}

/** Any number that nothing else takes a lock on: workers make the template one after the other. */
const TEMPLATE_LOCK = 7_310_421;

/** Clones the template that has the migrations applied, and makes the template where it is absent. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const name = `crewtab_test_${randomBytes(6).toString('hex')}`;
  await asAdmin(async (admin) => {
    const template = await ensureTemplate(admin);
    await admin.query(`CREATE DATABASE ${escapeIdentifier(name)} TEMPLATE ${escapeIdentifier(template)}`);
  });
  return { name, url: urlOf(name), drop: () => dropDatabase(name) };
}

/** An empty database without even the schema, for tests of the migrations themselves. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  const name = `crewtab_test_${randomBytes(6).toString('hex')}`;
  await asAdmin((admin) => admin.query(`CREATE DATABASE ${escapeIdentifier(name)}`));
  return { name, url: urlOf(name), drop: () => dropDatabase(name) };
}

/** With the present schema, made and used by a role that only owns it: the one that compose makes. */
export async function createOwnedDatabase(): Promise<TestDatabase> {
  const name = `crewtab_test_${randomBytes(6).toString('hex')}`;
  const script = await readFile('deploy/compose/create-database.sh', 'utf8');
  const statements = script.match(/^(CREATE|GRANT|REVOKE) .*;$/gm) ?? [];
  await asAdmin(async (admin) => {
    for (const statement of statements) {
      await admin.query(statement.replaceAll('crewtab', name).replace(`:'password'`, `'${name}'`));
    }
  });
  const url = new URL(urlOf(name));
  url.username = name;
  url.password = name;
  await applyMigrations(url.href);
  const drop = async (): Promise<void> => {
    await dropDatabase(name);
    await asAdmin((admin) => admin.query(`DROP ROLE ${escapeIdentifier(name)}`));
  };
  return { name, url: url.href, drop };
}

async function ensureTemplate(admin: Client): Promise<string> {
  const template = `crewtab_template_${await migrationsFingerprint()}`;
  await admin.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
  try {
    const found = await admin.query<{ datistemplate: boolean }>(
      'SELECT datistemplate FROM pg_database WHERE datname = $1',
      [template],
    );
    if (found.rows[0]?.datistemplate === true) return template;
    // Not marked as a template: the process that made it died on the way.
    await admin.query(`DROP DATABASE IF EXISTS ${escapeIdentifier(template)} WITH (FORCE)`);
    await admin.query(`CREATE DATABASE ${escapeIdentifier(template)}`);
    await applyMigrations(urlOf(template));
    await admin.query(`ALTER DATABASE ${escapeIdentifier(template)} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false`);
    return template;
  } finally {
    await admin.query('SELECT pg_advisory_unlock($1)', [TEMPLATE_LOCK]);
  }
}

/** Changes with any migration; names the template database. */
async function migrationsFingerprint(): Promise<string> {
  const hash = createHash('sha256');
  for (const { name, checksum } of await readMigrations(findMigrationsDir())) hash.update(name).update(checksum);
  return hash.digest('hex').slice(0, 12);
}

async function dropDatabase(name: string): Promise<void> {
  await asAdmin(async (admin) => {
    const openConnections = async (): Promise<string[]> => {
      const open = await admin.query<{ query: string }>('SELECT query FROM pg_stat_activity WHERE datname = $1', [
        name,
      ]);
      return open.rows.map((row) => row.query);
    };
    const left = await eventually(async () => (await openConnections()).length === 0, { timeoutMs: 10_000 }).then(
      () => [],
      openConnections,
    );
    await admin.query(`DROP DATABASE IF EXISTS ${escapeIdentifier(name)} WITH (FORCE)`);
    if (left.length > 0) {
      throw new Error(`${left.length} connections were left open; their last statements: ${left.join(' | ')}`);
    }
  });
}

async function asAdmin<T>(use: (admin: Client) => Promise<T>): Promise<T> {
  const admin = new Client({ connectionString: baseUrl() });
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.end();
  }
}

function urlOf(database: string): string {
  const url = new URL(baseUrl());
  url.pathname = `/${database}`;
  return url.href;
}

function baseUrl(): string {
  const url = process.env.TEST_DATABASE_URL;
  if (url === undefined || url === '') {
    throw new Error('TEST_DATABASE_URL is not set: run this test in the project "integration" or "e2e"');
  }
  return url;
}
