import { Client } from 'pg';
import { createTestDatabase, type TestDatabase } from '../../kit/services/database';

jest.setTimeout(30_000);

async function query(database: TestDatabase, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('a database of one test file', () => {
  it('has the schema, and nothing of another one', async () => {
    const [first, second] = await Promise.all([createTestDatabase(), createTestDatabase()]);
    await query(first, `CREATE TABLE mine AS SELECT 1 AS n`);

    const tables = 'SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()';
    expect(await query(second, tables)).toContainEqual({ table_name: '_prisma_migrations' });
    expect(await query(second, tables)).not.toContainEqual({ table_name: 'mine' });
    await Promise.all([first.drop(), second.drop()]);
  });

  it('refuses queries once it is dropped', async () => {
    const database = await createTestDatabase();

    await database.drop();

    await expect(query(database, 'SELECT 1')).rejects.toThrow(/does not exist/);
  });

  it('fails a test that left a connection open, and names its last statement', async () => {
    const database = await createTestDatabase();
    const client = new Client({ connectionString: database.url });
    client.on('error', () => undefined);
    await client.connect();
    await client.query('SELECT 41 + 1');

    await expect(database.drop()).rejects.toThrow('1 connections were left open; their last statements: SELECT 41 + 1');
    await expect(query(database, 'SELECT 1')).rejects.toThrow(/does not exist/);
  });
});
