import { Client } from 'pg';
import type { PositionedRunEvent } from '@crewtab/domain/runs/run-event';
import { openStore } from '@crewtab/store-prisma/open-store';
import { createTestDatabase } from '../../kit/services/database';
import { ENCRYPTION_KEY, StoreFixture } from './store-fixture';

/** Where readers stand in the log, whatever writers do beside them: docs/adr/0015-run-events.md. */

let fixture: StoreFixture;
let organizationId: string;
let scheduleId: string;

beforeAll(async () => {
  fixture = await StoreFixture.create();
});
beforeEach(async () => {
  await fixture.empty();
  const schedule = await fixture.schedule();
  ({ organizationId, id: scheduleId } = schedule);
});
afterAll(() => fixture.dispose());

/** A connection of its own, for transactions that stay open. */
async function connect(): Promise<Client> {
  const client = new Client({ connectionString: fixture.databaseUrl });
  await client.connect();
  return client;
}

const INSERT = `INSERT INTO schedule_runs (organization_id, schedule_id, team_id, trigger, scheduled_for, team_name, network, prompt,
    timeout_ms, agents, exclusive)
  SELECT organization_id, id, team_id, 'manual', now(), 'Team', 'egress', 'Go.', 1000, '[]', false FROM schedules WHERE id = $1
  RETURNING id`;

async function makeRun(client: Pick<Client, 'query'>): Promise<string> {
  const { rows } = await client.query<{ id: string }>(INSERT, [scheduleId]);
  return rows[0]?.id ?? '';
}

/** Numbers what is there, and reads behind a position. */
async function follow(after: number): Promise<readonly PositionedRunEvent[]> {
  const { events } = fixture.store;
  while ((await events.number(100)).length > 0);
  return (await events.read({ organizationId }, after)).events;
}

const runsOf = (events: readonly PositionedRunEvent[]): string[] => events.map(({ runId }) => runId);

it('delays the events of a transaction that stays open, loses none of them, and holds up no others', async () => {
  const { position: start } = await fixture.store.events.end();
  const [open, other] = [await connect(), await connect()];
  await open.query('BEGIN');
  const early = await makeRun(open);
  const late = await makeRun(other);
  const first = await follow(start);
  expect(runsOf(first)).toEqual([late]);
  const reached = first.at(-1)?.position ?? 0;
  expect(await follow(reached)).toEqual([]);
  const later = await makeRun(other);
  expect(runsOf(await follow(reached))).toEqual([later]);
  await open.query('COMMIT');
  const rest = await follow(reached);
  expect(runsOf(rest)).toEqual([later, early]);
  await Promise.all([open.end(), other.end()]);
});

it('lets writers commit while one of them stays open and while events are being numbered', async () => {
  const [open, numbering, writer] = [await connect(), await connect(), await connect()];
  await open.query('BEGIN');
  await makeRun(open);
  await makeRun(writer);
  await numbering.query('BEGIN');
  await numbering.query('SELECT * FROM crewtab_number_run_events(100)');
  await writer.query(`SET statement_timeout = '5s'`);
  const runId = await makeRun(writer);
  await writer.query(
    `UPDATE schedule_runs SET status = 'cancelled', phase = 'finished', finished_at = now(), error_code = 'cancelled',
    error_message = 'no' WHERE id = $1`,
    [runId],
  );
  await open.query('COMMIT');
  await numbering.query('COMMIT');
  await Promise.all([open.end(), numbering.end(), writer.end()]);
});

it('never shows a reader an event at or before a position that it has reached, however many write at once', async () => {
  const { events } = fixture.store;
  const start = (await events.end()).position;
  const writers = await Promise.all(Array.from({ length: 6 }, () => connect()));
  let writing = true;
  const made = Promise.all(
    writers.map(async (client, n) => {
      const ids: string[] = [];
      for (let iteration = 0; iteration < 25; iteration++) {
        await client.query('BEGIN');
        ids.push(await makeRun(client));
        // Commits come in another order than the events were written in.
        if ((iteration + n) % 3 === 0) await client.query('SELECT pg_sleep(random() * 0.01)');
        ids.push(await makeRun(client));
        await client.query('COMMIT');
      }
      return ids;
    }),
  ).finally(() => (writing = false));
  const numberers = Promise.all(
    [1, 2].map(async () => {
      while (writing) await events.number(7);
    }),
  );
  const seen: PositionedRunEvent[] = [];
  let position = start;
  while (writing) {
    const page = await events.read({ organizationId }, position);
    seen.push(...page.events);
    position = page.upTo;
  }
  await numberers;
  seen.push(...(await follow(position)));
  const ids = (await made).flat();
  expect(runsOf(seen).toSorted()).toEqual(ids.toSorted());
  const positions = seen.map((event) => event.position);
  expect(positions).toEqual(ids.map((_, index) => start + 1 + index));
  await Promise.all(writers.map((client) => client.end()));
});

it('answers each event to one of those that number', async () => {
  const writer = await connect();
  const ids: string[] = [];
  for (let made = 0; made < 40; made++) ids.push(await makeRun(writer));
  const numberUp = async (): Promise<PositionedRunEvent[]> => {
    const all: PositionedRunEvent[] = [];
    for (let some = await fixture.store.events.number(3); some.length > 0; some = await fixture.store.events.number(3))
      all.push(...some);
    return all;
  };
  const answered = (await Promise.all([numberUp(), numberUp(), numberUp()])).flat();
  expect(runsOf(answered).toSorted()).toEqual(ids.toSorted());
  await writer.end();
});

it('hides nothing of a dump that was restored elsewhere, numbered or not', async () => {
  const writer = await connect();
  const { position: start } = await fixture.store.events.end();
  const ids = [await makeRun(writer), await makeRun(writer)];
  await follow(start);
  ids.push(await makeRun(writer), await makeRun(writer));
  await writer.end();
  const restored = await createTestDatabase();
  const store = await openStore({ databaseUrl: restored.url, encryption: { current: ENCRYPTION_KEY } });
  const target = new Client({ connectionString: restored.url });
  await target.connect();
  try {
    // What a dump holds: rows. Transaction ids of the old cluster would be in them if any column had some.
    for (const table of ['run_event_log', 'run_events']) {
      const rows = await fixture.sql(`SELECT to_jsonb(t) AS row FROM ${table} t`);
      await target.query(`DELETE FROM ${table}`);
      for (const { row } of rows)
        await target.query(`INSERT INTO ${table} SELECT * FROM jsonb_populate_record(NULL::${table}, $1)`, [row]);
    }
    await target.query(`SELECT setval('run_events_id_seq', (SELECT max(id) FROM run_events))`);
    const fresh = await store.events.number(100);
    expect(runsOf(fresh)).toEqual(ids.slice(2));
    const { events } = await store.events.read({ organizationId }, start);
    expect(runsOf(events)).toEqual(ids);
    expect(events.map(({ position }) => position)).toEqual(ids.map((_, index) => start + 1 + index));
  } finally {
    await target.end();
    await store.close();
    await restored.drop();
  }
  const { rows } = {
    rows: await fixture.sql<{ name: string }>(
      `SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'run_events' AND udt_name IN ('xid', 'xid8', 'pg_snapshot')`,
    ),
  };
  expect(rows).toEqual([]);
});

it('is held against every statement: a change without an event, or an event without a change, is found', async () => {
  const writer = await connect();
  const runId = await makeRun(writer);
  expect(await fixture.findUntoldChanges()).toEqual([]);
  await writer.query('ALTER TABLE schedule_runs DISABLE TRIGGER schedule_runs_note_change');
  await writer.query(`UPDATE schedule_runs SET cancel_requested_at = now(), cancel_code = 'cancelled' WHERE id = $1`, [
    runId,
  ]);
  await writer.query('ALTER TABLE schedule_runs ENABLE TRIGGER schedule_runs_note_change');
  expect(await fixture.findUntoldChanges()).toEqual([expect.stringContaining('run.cancel_requested') as string]);
  await writer.query('TRUNCATE test_run_trail');
  expect(await fixture.findUntoldChanges()).toEqual([expect.stringContaining('happened []') as string]);
  await writer.query('TRUNCATE run_events');
  await writer.end();
});

it('keeps an event as it was written', async () => {
  const writer = await connect();
  await makeRun(writer);
  await follow(0);
  const refused = expect.objectContaining({ constraint: 'run_events_are_immutable' }) as object;
  await expect(writer.query(`UPDATE run_events SET data = '{}'`)).rejects.toEqual(refused);
  await expect(writer.query('UPDATE run_events SET position = position + 1000')).rejects.toEqual(refused);
  await makeRun(writer);
  await expect(writer.query(`UPDATE run_events SET type = 'run.phase' WHERE position IS NULL`)).rejects.toEqual(
    refused,
  );
  await writer.end();
});
