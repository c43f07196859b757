import type { Overview } from '@crewtab/domain/ports/overview-store';
import { openStore, type Store } from '@crewtab/store-prisma/open-store';
import { Client } from 'pg';
import { NotEmptyError, seedDemo } from '../../kit/demo-data/seed-demo';
import { createTestDatabase, type TestDatabase } from '../../kit/services/database';
import { ENCRYPTION_KEY } from './store-fixture';

const HOUR_MS = 3_600_000;
const NOW = new Date();

let database: TestDatabase;
let store: Store;
let sql: Client;
let organizationId: string;

// A month of history, which `npm run demo-data` makes for people too.
beforeAll(async () => {
  database = await createTestDatabase();
  await seedDemo({ databaseUrl: database.url, now: NOW });
  store = await openStore({ databaseUrl: database.url, encryption: { current: ENCRYPTION_KEY } });
  sql = new Client({ connectionString: database.url });
  await sql.connect();
  organizationId = (await sql.query<{ id: string }>('SELECT id FROM organizations')).rows[0]?.id ?? '';
});
afterAll(async () => {
  await sql?.end();
  await store?.close();
  await database?.drop();
});

const read = (hours = 24): Promise<Overview> =>
  store.overview.readOverview(organizationId, new Date(NOW.getTime() - hours * HOUR_MS));
const named = (runs: Overview['active']): string[] => runs.map(({ name, status }) => `${name}: ${status}`);

it('fills no installation twice', async () => {
  await expect(seedDemo({ databaseUrl: database.url })).rejects.toThrow(NotEmptyError);
});

it('shows what is active with last words, what is due, and what ended', async () => {
  const overview = await read();
  expect(named(overview.active)).toEqual(['Dependency updates: running', 'Dependency updates: queued']);
  expect(overview.active[0]?.lastWords).toMatchObject({ agent: 'conductor', text: expect.any(String) as string });
  expect(overview.due.map(({ scheduleName }) => scheduleName)).toContain('Night watch 🌙');
  const { rows } = await sql.query<{ status: string; runs: number }>(
    `SELECT status, count(*)::int AS runs FROM schedule_runs WHERE finished_at >= $1 GROUP BY status`,
    [new Date(NOW.getTime() - 24 * HOUR_MS)],
  );
  expect(overview.digest).toMatchObject({
    isComplete: true,
    counts: Object.fromEntries(rows.map(({ status, runs }) => [status, runs])),
  });
  expect(overview.digest.runs.length).toBeGreaterThan(20);
  const ends = overview.digest.runs.map(({ finishedAt }) => finishedAt?.getTime() ?? 0);
  expect(ends).toEqual(ends.toSorted((one, other) => other - one));
});

it('needs a person for the newest bad end of a schedule, until a later success or an acknowledgement', async () => {
  const before = (await read()).needsPerson;
  const expected = ['Backup rehearsal: timeout', 'Nightly links: failed', 'Weekly report: missed'];
  expect(named(before)).toEqual(expect.arrayContaining(expected));
  expect(new Set(before.map(({ scheduleId }) => scheduleId)).size).toBe(before.length);
  const [failed, timeout] = ['failed', 'timeout'].map((status) => before.find((run) => run.status === status));

  const key = '0198c0de-0000-7000-8000-000000000001';
  const noted = await store.overview.acknowledge(organizationId, failed?.id ?? '', key, 'seen');
  expect(noted).toMatchObject({ by: 'an API key', note: 'seen' });
  const run = await store.archive.getRun(organizationId, failed?.id ?? '');
  expect(run?.acknowledgement).toEqual({ at: expect.any(Date) as Date, by: 'an API key', note: 'seen' });
  // An earlier bad run of the same schedule does not take its place.
  expect(named((await read()).needsPerson)).not.toContain('Nightly links: failed');
  expect((await read()).needsPerson.map(({ scheduleId }) => scheduleId)).not.toContain(failed?.scheduleId);

  await sql.query(
    `INSERT INTO schedule_runs (organization_id, schedule_id, team_id, trigger, scheduled_for, status, phase, team_name, network,
       prompt, timeout_ms, agents, exclusive, finished_at)
     SELECT organization_id, schedule_id, team_id, 'manual', now(), 'success', 'finished', team_name, network, prompt, timeout_ms,
       agents, exclusive, now() FROM schedule_runs WHERE id = $1`,
    [timeout?.id],
  );
  expect((await read()).needsPerson.map(({ scheduleId }) => scheduleId)).not.toContain(timeout?.scheduleId);
});

it('acknowledges no run that is open, or of another organization', async () => {
  const [running] = (await read()).active;
  expect(await store.overview.acknowledge(organizationId, running?.id ?? '', running?.id ?? '', null)).toBe('open');
  const other = '0198c0de-0000-7000-8000-00000000dead';
  expect(await store.overview.acknowledge(other, running?.id ?? '', other, null)).toBeNull();
  expect(await store.overview.readOverview(other, NOW)).toMatchObject({ needsPerson: [], active: [], due: [] });
});

it('searches names literally, those that begin with the text first', async () => {
  const names = async (text: string): Promise<string[]> => {
    const { schedules, teams } = await store.overview.search(organizationId, text);
    return [...schedules, ...teams].map(({ name }) => name);
  };
  expect(await names('WATCH')).toEqual(['Night watch 🌙', 'Night watch 🌙']);
  expect(await names('re')).toEqual(['Backup rehearsal', 'Weekly report', 'Release crew']);
  expect(await names('週次')).toEqual(['週次レポート']);
  expect(await names('%')).toEqual([]);
});
