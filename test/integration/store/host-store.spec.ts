import { openStore } from '@crewtab/store-prisma/open-store';
import { hostImageContract } from '../../contracts/stores/host-image-contract';
import { hostStoreContract } from '../../contracts/stores/host-store-contract';
import { RunStoreFixture } from '../../contracts/stores/run-store-fixture';
import { Client } from 'pg';
import { createTestDatabase } from '../../kit/services/database';
import { eventually } from '../../kit/wait-for';
import { pastTheGuard, runStoreSubject } from './run-store-subject';
import { ENCRYPTION_KEY, StoreFixture } from './store-fixture';

let fixture: StoreFixture;

beforeAll(async () => {
  fixture = await StoreFixture.create();
});
afterAll(() => fixture.dispose());

hostStoreContract('PrismaHostStore', async () => {
  const subject = await runStoreSubject(fixture);
  return { ...subject, hosts: fixture.store.hosts, passTime };
});

hostImageContract('PrismaHostImages', async () => {
  const subject = await runStoreSubject(fixture);
  const { hosts, hostImages: images } = fixture.store;
  return { ...subject, hosts, images, passTime };
});

const INSTANTS = {
  host_images: ['changed_at'],
  hosts: ['first_seen_at', 'last_seen_at', 'reaped_at', 'decommissioned_at'],
  workers: ['started_at', 'last_seen_at', 'reaper_last_pass_at'],
  schedulers: ['started_at', 'last_seen_at', 'steady_since', 'sweeper_last_pass_at'],
  schedule_runs: ['queued_at', 'lease_until', 'started_at', 'deadline_at', 'finished_at', 'teardown_begun_at'],
};

async function passTime(ms: number): Promise<void> {
  for (const [table, columns] of Object.entries(INSTANTS)) {
    const moved = columns.map((column) => `${column} = ${column} - ${Math.round(ms)} * interval '1 millisecond'`);
    const sql = `UPDATE ${table} SET ${moved.join(', ')}`;
    await (table === 'schedule_runs' ? pastTheGuard(fixture, sql, []) : fixture.sql(sql));
  }
}

const sendHeartbeat = (id: string): Promise<unknown> =>
  fixture.store.hosts.noteScheduler({
    id,
    hostname: 'machine',
    pid: 1,
    version: '1',
    sweeper: { lastIterationAgoMs: null, error: null },
  });

describe('rows of what is gone', () => {
  it('are removed: processes after a day, hosts without debts after a month', async () => {
    await fixture.empty();
    await fixture.sql(`INSERT INTO hosts (id, runtime, description, last_seen_at) VALUES
      ('old', 'docker', '', now() - interval '31 days'), ('quiet', 'docker', '', now() - interval '29 days')`);
    await fixture.sql(`INSERT INTO workers (id, host_id, hostname, pid, version, last_seen_at, capacity, held_runs, adopted_runs,
        reaped_runs, resisting_things)
      VALUES ('dead', 'quiet', 'm', 1, '1', now() - interval '25 hours', 1, 0, 0, 0, 0),
        ('recent', 'quiet', 'm', 1, '1', now() - interval '23 hours', 1, 0, 0, 0, 0)`);
    await sendHeartbeat('first');
    await fixture.sql(`UPDATE schedulers SET last_seen_at = now() - interval '25 hours'`);
    await sendHeartbeat('second');
    const { hosts, workers, schedulers } = await fixture.store.hosts.readSystem();
    const ids = (rows: readonly { id: string }[]) => rows.map(({ id }) => id);
    expect([ids(hosts), ids(workers), ids(schedulers)]).toEqual([['quiet'], ['recent'], ['second']]);
  });
});

describe('a run that changes while its loss is decided', () => {
  it.each([
    [
      'its worker commits a success',
      `phase = 'tearing_down', result = 'done', teardown_begun_at = now()`,
      { status: 'failed', result: 'done', error_code: 'host_lost' },
    ],
    [
      'a person cancels it',
      `cancel_requested_at = now(), cancel_code = 'cancelled'`,
      { status: 'cancelled', result: null, error_code: 'cancelled' },
    ],
  ])('is judged anew: %s', async (_what, change, expected) => {
    const subject = await runStoreSubject(fixture);
    const { runId } = await new RunStoreFixture(subject).monitored();
    await sendHeartbeat('watch');
    await passTime(60_000);
    await fixture.sql('UPDATE schedulers SET last_seen_at = now()');
    const client = new Client({ connectionString: fixture.databaseUrl });
    await client.connect();
    try {
      // What reads the run sees it as it was, and what writes it must wait.
      await client.query('BEGIN');
      await client.query(`UPDATE schedule_runs SET ${change} WHERE id = $1`, [runId]);
      const ended = fixture.store.hosts.endLostRuns('watch', 30_000);
      await eventually(() => isSessionWaiting(client));
      await client.query('COMMIT');
      expect(await ended).toEqual([]);
    } finally {
      await client.end();
    }
    expect(await fixture.store.hosts.endLostRuns('watch', 30_000)).toHaveLength(1);
    const rows = await fixture.sql('SELECT status, result, error_code FROM schedule_runs WHERE id = $1', [runId]);
    expect(rows).toEqual([expected]);
  });
});

async function isSessionWaiting(client: Client): Promise<boolean> {
  const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  return (await client.query(waiting)).rowCount === 1;
}

it('what is going on now is found without reading history', async () => {
  // A database of its own: others' reads are counted there too, some time after they were made.
  const database = await createTestDatabase();
  const client = new Client({ connectionString: database.url });
  await client.connect();
  // With few rows any plan reads them all; without that choice only what has no index does.
  await client.query(`ALTER DATABASE "${client.database ?? ''}" SET enable_seqscan = off`);
  const store = await openStore({ databaseUrl: database.url, encryption: { current: ENCRYPTION_KEY } });
  const sweeper = { lastIterationAgoMs: null, error: null };
  await store.hosts.noteScheduler({ id: 's', hostname: 'm', pid: 1, version: '1', sweeper });
  await store.hosts.endLostRuns('s', 60_000);
  await store.hosts.claimPendingTeardowns({ workerId: 'w', host: 'h' }, 1);
  await store.hosts.readSystem();
  // A session tells what it read when it ends, which is some time after its client has closed it.
  await store.close();
  await eventually(() => isAloneInDatabase(client));
  const sql = `SELECT seq_scan::int AS seq, idx_scan::int AS idx FROM pg_stat_user_tables WHERE relname = 'schedule_runs'`;
  const { rows } = await client.query<{ seq: number; idx: number }>(sql);
  await client.end();
  await database.drop();
  expect(rows).toEqual([{ seq: 0, idx: expect.any(Number) as number }]);
  expect(rows[0]?.idx).toBeGreaterThanOrEqual(5);
});

/** A session's statistics are written before it leaves pg_stat_activity (PostgreSQL: before_shmem_exit callbacks). */
async function isAloneInDatabase(client: Client): Promise<boolean> {
  const others = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`;
  return (await client.query(others)).rowCount === 0;
}
