import type { HistoryKind } from '@crewtab/domain/ports/retention-store';
import { HistoryRetention } from '@crewtab/orchestrator/retention/history-retention';
import { SystemClock } from '@crewtab/orchestrator/timing';
import { silentLogger } from '@test/fakes/silent-logger';
import { StoreFixture } from './store-fixture';
import { createOwnedDatabase } from '../../kit/services/database';

let fixture: StoreFixture;
let organizationId: string;
let scheduleId: string;

const HOUR_MS = 3_600_000;

/** By a role that compose's would be: what deletes history must need no superuser. */
beforeAll(async () => {
  fixture = await StoreFixture.create(await createOwnedDatabase());
});
beforeEach(async () => {
  await fixture.empty();
  organizationId = await fixture.organization();
  scheduleId = (await fixture.schedule({ organizationId })).id;
});
afterAll(() => fixture.dispose());

interface Wish {
  readonly status?: string;
  readonly trigger?: string;
  /** Hours since its end, and since its instant. */
  readonly age: number;
  readonly requestKey?: string;
  readonly isGivenUp?: boolean;
  /** Default: unless it was skipped or missed. */
  readonly began?: boolean;
  readonly schedule?: string;
  /** A run without a schedule. */
  readonly isTry?: boolean;
}

/** A run that is over, with a deployment, a permit, a delegation and two messages where it began. */
async function addRun({
  status = 'success',
  trigger = 'schedule',
  age,
  requestKey,
  began = status !== 'skipped' && status !== 'missed',
  isGivenUp,
  schedule,
  isTry = false,
}: Wish): Promise<string> {
  const [row] = await fixture.sql<{ id: string }>(
    `INSERT INTO schedule_runs (id, organization_id, schedule_id, team_id, trigger, scheduled_for, queued_at, status, phase, team_name,
       network, prompt, timeout_ms, agents, exclusive, request_key, started_at, deadline_at, host, finished_at, error_code, error_message,
       teardown_verified_at, teardown_given_up_at, teardown_given_up_by)
     SELECT overlay(crewtab_uuid_v7()::text PLACING left(made::text, 13) FROM 1 FOR 13)::uuid, s.organization_id, CASE WHEN NOT $8 THEN s.id END, s.team_id, $3::run_trigger, at, at,
       $4::run_status, 'finished', 'T', 'none', 'p', 1000, '[]', false, $5, CASE WHEN $6 THEN at END, CASE WHEN $6 THEN at END,
       CASE WHEN $6 THEN 'host' END, at, CASE WHEN $4 <> 'success' THEN 'internal' END, CASE WHEN $4 <> 'success' THEN '' END,
       CASE WHEN $6 AND NOT $7 THEN at END, CASE WHEN $7 THEN at END, CASE WHEN $7 THEN 'admin' END
     FROM schedules s, (SELECT now() - $2::float8 * interval '1 hour' AS at) AS old,
       LATERAL (SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid AS made) AS v7
     WHERE s.id = $1 RETURNING id`,
    [schedule ?? scheduleId, age, trigger, status, requestKey ?? null, began, isGivenUp ?? false, isTry],
  );
  const id = row?.id ?? '';
  if (!began) return id;
  for (const statement of [
    `INSERT INTO deployments (organization_id, run_id, name, host, runtime) VALUES ($1, $2::uuid, 'd-' || $2::text, 'host', 'docker')`,
    `INSERT INTO deployment_agents (organization_id, run_id, name, position) VALUES ($1, $2, 'lead', 1)`,
    `INSERT INTO prompt_permits (organization_id, run_id, epoch, permitted_at) VALUES ($1, $2, 1, now())`,
    `INSERT INTO delegations (organization_id, run_id, id, from_agent, to_agent, task, opened_at) VALUES ($1, $2, 'call', 'lead', 'w', 't', now())`,
    `INSERT INTO messages (organization_id, run_id, seq, kind, content, at) SELECT $1, $2, seq, 'system', '{}', now() FROM generate_series(1, 2) AS seq`,
  ])
    await fixture.sql(statement, [organizationId, id]);
  return id;
}

async function deleteOlderThan(hours: number, kind: HistoryKind = 'runs', limit = 1_000) {
  const total = { runs: 0, messages: 0, batches: 0 };
  let after: string | null = null;
  do {
    const batch = await fixture.store.retention.deleteHistory(kind, hours * HOUR_MS, limit, after);
    total.runs += batch.runs;
    total.messages += batch.messages;
    total.batches += 1;
    after = batch.next;
  } while (after !== null);
  return total;
}

async function remaining(): Promise<string[]> {
  return (await fixture.sql<{ id: string }>('SELECT id FROM schedule_runs')).map(({ id }) => id);
}

describe('old runs', () => {
  it('go with all that belongs to them, and younger ones stay', async () => {
    await addRun({ age: 50 });
    await addRun({ age: 49, status: 'missed' });
    const young = [await addRun({ age: 47 }), await addRun({ age: 1, status: 'skipped' })];
    expect(await deleteOlderThan(48)).toMatchObject({ runs: 2, messages: 2 });
    expect((await remaining()).sort()).toEqual(young.sort());
    for (const table of ['messages', 'delegations', 'prompt_permits', 'deployments', 'deployment_agents']) {
      const rows = await fixture.sql<{ run_id: string }>(`SELECT DISTINCT run_id FROM ${table}`);
      expect(rows.map(({ run_id }) => run_id)).toEqual([young[0]]);
    }
  });

  it('go in batches of about the asked size, oldest first', async () => {
    for (let age = 60; age > 50; age--) await addRun({ age });
    const newest = await addRun({ age: 1 });
    const first = await fixture.store.retention.deleteHistory('runs', 48 * HOUR_MS, 6, null);
    expect(first).toMatchObject({ runs: 2, messages: 4 });
    const [oldest] = await fixture.sql<{ age: number }>(
      `SELECT round(extract(epoch FROM now() - min(finished_at)) / 3600)::int AS age FROM schedule_runs`,
    );
    expect(oldest?.age).toBe(58);
    expect(await deleteOlderThan(48, 'runs', 6)).toEqual({ runs: 8, messages: 16, batches: 5 });
    expect(await remaining()).toEqual([newest]);
  });

  it('stay where a schedule has its status, its last run or its last success from them', async () => {
    const success = await addRun({ age: 100 });
    await addRun({ age: 99, status: 'failed' });
    const failed = await addRun({ age: 98, status: 'failed' });
    await addRun({ age: 97, status: 'missed' });
    const before = await fixture.store.schedules.getSchedule(organizationId, scheduleId);
    expect(await deleteOlderThan(48)).toMatchObject({ runs: 2 });
    expect((await remaining()).sort()).toEqual([success, failed].sort());
    const after = await fixture.store.schedules.getSchedule(organizationId, scheduleId);
    expect(after).toMatchObject({ status: 'error', lastRunAt: before?.lastRunAt });
  });

  it('go where they have no schedule, the newest too', async () => {
    await addRun({ age: 50, trigger: 'manual', isTry: true });
    const young = await addRun({ age: 47, trigger: 'manual', isTry: true });
    expect(await deleteOlderThan(48)).toMatchObject({ runs: 1 });
    expect(await remaining()).toEqual([young]);
  });

  it('stay where a schedule has its status from one that never began', async () => {
    await addRun({ age: 100, status: 'failed' });
    const begun = await addRun({ age: 99, status: 'failed' });
    const cancelled = await addRun({ age: 98, status: 'cancelled', began: false });
    expect(await deleteOlderThan(48)).toMatchObject({ runs: 1 });
    expect((await remaining()).sort()).toEqual([begun, cancelled].sort());
    expect(await fixture.store.schedules.getSchedule(organizationId, scheduleId)).toMatchObject({ status: 'idle' });
  });

  it('stay while a request may be repeated that made them', async () => {
    const asked = await addRun({ age: 10, trigger: 'manual', requestKey: 'key' });
    await addRun({ age: 9 });
    const newest = await addRun({ age: 1 });
    await deleteOlderThan(2);
    expect((await remaining()).sort()).toEqual([asked, newest].sort());
  });

  it('stay while their schedule could come to their instant again', async () => {
    await addRun({ age: 100 });
    const ahead = await addRun({ age: 90 });
    const newest = await addRun({ age: 1 });
    await fixture.sql(
      `UPDATE schedules SET next_fire_at = (SELECT scheduled_for FROM schedule_runs WHERE id = $1), following_fire_at = NULL`,
      [ahead],
    );
    expect(await deleteOlderThan(48)).toMatchObject({ runs: 1 });
    expect((await remaining()).sort()).toEqual([ahead, newest].sort());
  });

  it('stay where their teardown was given up and not verified since', async () => {
    const givenUp = await addRun({ age: 100, status: 'failed', isGivenUp: true });
    const newest = await addRun({ age: 1 });
    await deleteOlderThan(48);
    expect((await remaining()).sort()).toEqual([givenUp, newest].sort());
  });

  it('stay while another transaction holds them', async () => {
    const held = await addRun({ age: 100 });
    await addRun({ age: 99 });
    const newest = await addRun({ age: 1 });
    await fixture.whileLocked(held, async () => {
      expect(await deleteOlderThan(48)).toMatchObject({ runs: 1 });
    });
    expect((await remaining()).sort()).toEqual([held, newest].sort());
  });

  it('go once, with two processes at it', async () => {
    for (let age = 90; age > 60; age--) await addRun({ age });
    const newest = await addRun({ age: 1 });
    const both = await Promise.all([deleteOlderThan(48, 'runs', 5), deleteOlderThan(48, 'runs', 5)]);
    const again = await deleteOlderThan(48);
    expect(both[0].runs + both[1].runs + again.runs).toBe(30);
    expect(await remaining()).toEqual([newest]);
  });

  it('go by the loops of two schedulers, which take turns', async () => {
    for (let age = 90; age > 80; age--) await addRun({ age });
    await addRun({ age: 60, status: 'failed' });
    const newest = await addRun({ age: 1 });
    const { retention: history, fires } = fixture.store;
    const loops = [1, 2].map(
      () =>
        new HistoryRetention(
          { history, fires, clock: new SystemClock(), logger: silentLogger },
          { messages: 24 * HOUR_MS, runs: 48 * HOUR_MS, events: null },
        ),
    );
    const [one, two] = await Promise.all(loops.map((loop) => loop.deleteOld()));
    expect((one?.runs ?? 0) + (two?.runs ?? 0)).toBe(11);
    expect((one?.messages ?? 0) + (two?.messages ?? 0)).toBe(22);
    expect(await remaining()).toEqual([newest]);
  });

  it('are never those that are queued or running', async () => {
    const run = await fixture.manualRun(organizationId, scheduleId);
    await fixture.sql(`UPDATE schedule_runs SET queued_at = now() - interval '100 hours'`);
    expect(await deleteOlderThan(1)).toMatchObject({ runs: 0 });
    expect(await remaining()).toEqual([run.id]);
  });
});

describe('old conversations', () => {
  it('go without their runs, also of the newest run of a schedule', async () => {
    const [old, young] = [await addRun({ age: 50 }), await addRun({ age: 47 })];
    expect(await deleteOlderThan(48, 'messages')).toMatchObject({ runs: 0, messages: 2 });
    expect((await remaining()).sort()).toEqual([old, young].sort());
    expect(
      (await fixture.store.archive.listMessages(organizationId, old, 0, { limit: 10, contents: 'whole' }))?.items,
    ).toEqual([]);
    expect(
      (await fixture.store.archive.listMessages(organizationId, young, 0, { limit: 10, contents: 'whole' }))?.items,
    ).toHaveLength(2);
    expect(await fixture.sql('SELECT run_id FROM delegations')).toEqual([{ run_id: young }]);
  });
});

describe('old events', () => {
  // What happened is told no longer, as it should be: the fixture would miss it.
  afterEach(() => fixture.sql('TRUNCATE test_run_trail, run_events'));

  const positions = async (): Promise<number[]> => {
    const rows = await fixture.sql<{ position: string }>(
      'SELECT position FROM run_events WHERE position IS NOT NULL ORDER BY position',
    );
    return rows.map(({ position }) => Number(position));
  };
  const age = (position: number, hours: number): Promise<unknown> =>
    fixture.sql(
      `ALTER TABLE run_events DISABLE TRIGGER run_events_guard; UPDATE run_events SET at = now() - ${hours} * interval '1 hour' WHERE position = ${position};
       ALTER TABLE run_events ENABLE TRIGGER run_events_guard`,
    );

  it('go in their order, but for those of runs that are not over, those without a position, and the newest', async () => {
    await addRun({ age: 3 });
    await addRun({ age: 2 });
    await fixture.manualRun(organizationId, scheduleId);
    await addRun({ age: 1 });
    await fixture.store.events.number(1_000);
    const all = await positions();
    const [first = 0, second = 0, live = 0, newest = 0] = all;
    expect(all).toHaveLength(4);
    for (const position of [first, live, newest]) await age(position, 5);
    await addRun({ age: 1, status: 'missed' });
    expect(await deleteEvents(4)).toBe(1);
    expect(await positions()).toEqual([second, live, newest]);
    await age(second, 5);
    expect(await deleteEvents(4, 1)).toBe(1);
    expect(await positions()).toEqual([live, newest]);
    expect(await fixture.sql('SELECT 1 FROM run_events WHERE position IS NULL')).toHaveLength(1);
  });

  it('are gone for a reader that comes back to one', async () => {
    for (const hours of [3, 2]) await addRun({ age: hours });
    const [event] = await fixture.store.events.number(1_000);
    const cursor = { position: event?.position ?? 0, at: event?.at ?? null };
    expect(await fixture.store.events.holds(cursor)).toBe(true);
    await age(cursor.position, 5);
    expect(await deleteEvents(4)).toBe(1);
    expect(await fixture.store.events.holds(cursor)).toBe(false);
  });

  async function deleteEvents(hours: number, limit = 1_000): Promise<number> {
    let [total, after]: [number, string | null] = [0, null];
    do {
      const batch = await fixture.store.retention.deleteHistory('events', hours * HOUR_MS, limit, after);
      total += batch.events;
      after = batch.next;
    } while (after !== null);
    return total;
  }
});

describe('without the function', () => {
  const refused = expect.objectContaining({ constraint: 'history_is_kept' }) as Error;

  it.each([
    'schedule_runs',
    'messages',
    'delegations',
    'prompt_permits',
    'deployment_agents',
    'deployments',
    'run_events',
  ])('no row of %s is deleted', async (table) => {
    await addRun({ age: 100 });
    await expect(fixture.sql(`DELETE FROM ${table}`)).rejects.toEqual(refused);
  });

  it('is its setting gone after it, also in the same transaction', async () => {
    const id = await addRun({ age: 100 });
    const script = `BEGIN; SELECT crewtab_delete_history('runs', interval '2 hours', 10, '${id}'); DELETE FROM messages; COMMIT`;
    await expect(fixture.sql(script)).rejects.toEqual(refused);
  });

  it('is its setting gone after it failed, in the same transaction', async () => {
    await addRun({ age: 100 });
    const script = `DO $$ BEGIN
        BEGIN PERFORM crewtab_delete_history('nonsense', interval '2 hours', 10, NULL); EXCEPTION WHEN OTHERS THEN NULL; END;
        DELETE FROM messages;
      END $$`;
    await expect(fixture.sql(script)).rejects.toEqual(refused);
  });

  it('is not deleted by the inner function, when it is called by itself', async () => {
    await addRun({ age: 100 });
    await addRun({ age: 1 });
    const call = `SELECT crewtab_delete_guarded_history('runs', interval '2 hours', 10, '00000000-0000-0000-0000-000000000000')`;
    await expect(fixture.sql(call)).rejects.toEqual(refused);
  });

  it('even with its setting, a run that is not over stays', async () => {
    await fixture.manualRun(organizationId, scheduleId);
    await expect(
      fixture.sql(`BEGIN; SET LOCAL crewtab.deletes_history = 'on'; DELETE FROM schedule_runs; COMMIT`),
    ).rejects.toMatchObject({ constraint: 'schedule_runs_deleted_is_torn_down' });
  });

  it('is an age below an hour refused', async () => {
    await expect(fixture.store.retention.deleteHistory('runs', HOUR_MS - 1, 10, null)).rejects.toMatchObject({
      code: 'internal',
    });
  });
});
