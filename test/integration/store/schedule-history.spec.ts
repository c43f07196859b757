import { ScheduleEditedError, type ScheduleSort } from '@crewtab/domain/ports/management-store';
import { FAR_FUTURE, sha256, StoreFixture } from './store-fixture';

let fixture: StoreFixture;
let organizationId: string;
beforeAll(async () => (fixture = await StoreFixture.create()));
beforeEach(async () => {
  await fixture.empty();
  organizationId = await fixture.organization();
});
afterAll(() => fixture.dispose());

const START = Date.parse('2026-03-01T00:00:00Z');
const minute = (n: number): Date => new Date(START + n * 60_000);

interface Seed {
  readonly at: number;
  readonly status?: string;
  readonly trigger?: string;
  /** Of a run that began. */
  readonly lastedMs?: number;
}

async function insertRun(scheduleId: string, { at, status = 'success', trigger = 'schedule', lastedMs }: Seed) {
  const startedAt = lastedMs === undefined ? null : minute(at);
  const [row] = await fixture.sql<{ id: string }>(
    `INSERT INTO schedule_runs (organization_id, schedule_id, team_id, trigger, scheduled_for, status, phase, team_name, network, prompt,
       timeout_ms, agents, exclusive, started_at, deadline_at, host, finished_at, error_code, error_message, teardown_begun_at, teardown_verified_at)
     SELECT s.organization_id, s.id, s.team_id, $2::run_trigger, $3, $4::run_status, 'finished', 'T', 'none', 'p', 1000, '[]', false,
       $5::timestamptz, $5::timestamptz + interval '1 hour', CASE WHEN $5 IS NOT NULL THEN 'h' END, COALESCE($6::timestamptz, now()), CASE WHEN $4 <> 'success' THEN 'internal' END,
       CASE WHEN $4 <> 'success' THEN '' END, $6::timestamptz, $6::timestamptz
     FROM schedules s WHERE s.id = $1 RETURNING id`,
    [
      ...[scheduleId, trigger, minute(at), status, startedAt],
      lastedMs === undefined ? null : new Date(minute(at).getTime() + lastedMs),
    ],
  );
  return row?.id ?? '';
}

describe('the recent runs of schedules', () => {
  it('are the newest of every trigger and status, of each schedule by itself', async () => {
    const [one, other] = [await fixture.schedule({ organizationId }), await fixture.schedule({ organizationId })];
    const ids: string[] = [];
    ids.push(await insertRun(one.id, { at: 0 }));
    ids.push(await insertRun(one.id, { at: 10, trigger: 'manual', status: 'failed' }));
    ids.push(await insertRun(one.id, { at: 20, status: 'missed' }));
    ids.push(await insertRun(one.id, { at: 30, trigger: 'catchup' }));
    ids.push(await insertRun(one.id, { at: 40, trigger: 'rerun' }));
    const alone = await insertRun(other.id, { at: 5, status: 'skipped' });
    const foreign = await fixture.schedule();
    await insertRun(foreign.id, { at: 1 });

    const { history } = fixture.store;
    const asked = [one.id, other.id, foreign.id, 'no id'];
    const recent = await history.readRecent(organizationId, asked, 4);
    expect([...recent.keys()].sort()).toEqual([one.id, other.id].sort());
    expect(recent.get(one.id)?.map(({ id }) => id)).toEqual(ids.slice(1).reverse());
    expect(recent.get(other.id)).toEqual([
      {
        ...{ id: alone, status: 'skipped', trigger: 'schedule', scheduledFor: minute(5) },
        ...{ startedAt: null, finishedAt: expect.any(Date) as Date },
      },
    ]);
  });
});

describe('the durations of schedules', () => {
  it('are those of the runs that came to an end of their own, newest first', async () => {
    const { id } = await fixture.schedule({ organizationId });
    await insertRun(id, { at: 0, lastedMs: 1_500 });
    await insertRun(id, { at: 10, lastedMs: 40_000, status: 'timeout' });
    await insertRun(id, { at: 20, lastedMs: 7, status: 'cancelled' });
    await insertRun(id, { at: 30, status: 'skipped' });
    await insertRun(id, { at: 40, status: 'cancelled' });
    await insertRun(id, { at: 50, lastedMs: 3_000, trigger: 'manual', status: 'failed' });
    const idle = await fixture.schedule({ organizationId });
    const durations = await fixture.store.history.readDurations(organizationId, [id, idle.id]);
    expect([...durations]).toEqual([[id, [3_000, 40_000, 1_500]]]);
    expect(await fixture.store.history.readDurations(await fixture.organization(), [id])).toEqual(new Map());
  });
});

describe('a list of schedules', () => {
  const names = ['beta links', 'Alpha', 'gamma Links', 'delta', 'alpha'];

  beforeEach(async () => {
    for (const [index, name] of names.entries()) {
      const nextFireAt = new Date(FAR_FUTURE.getTime() - index * 1_000);
      await fixture.schedule({ organizationId, name, nextFireAt, enabled: name !== 'gamma Links' });
    }
  });

  async function listed(sort: ScheduleSort, name?: string): Promise<string[]> {
    const found: string[] = [];
    let cursor: string | null = null;
    do {
      const filter = { sort, ...(name !== undefined && { name }) };
      const page = await fixture.store.schedules.listSchedules(organizationId, filter, { limit: 2, cursor });
      found.push(...page.items.map((schedule) => schedule.name));
      cursor = page.nextCursor;
    } while (cursor !== null);
    return found;
  }

  it.each([
    ['newest', ['alpha', 'delta', 'gamma Links', 'Alpha', 'beta links']],
    ['name', ['Alpha', 'alpha', 'beta links', 'delta', 'gamma Links']],
    // The paused one is due never.
    ['next', ['alpha', 'delta', 'Alpha', 'beta links', 'gamma Links']],
  ] as const)('has each once, page by page, sorted by %s', async (sort, expected) => {
    expect(await listed(sort)).toEqual(expected);
  });

  it('finds a part of a name, whatever its case, and takes no sign for another', async () => {
    expect(await listed('name', 'LINKS')).toEqual(['beta links', 'gamma Links']);
    expect(await listed('name', '%')).toEqual([]);
  });
});

it('a manual run has the prompt that came with the request, and the schedule keeps its own', async () => {
  const { archive, schedules } = fixture.store;
  const { id, prompt } = await fixture.schedule({ organizationId });
  const run = await archive.createManualRun(organizationId, id, null, 'Only yesterday.');
  expect(run?.plan.prompt).toBe('Only yesterday.');
  expect((await archive.createManualRun(organizationId, id))?.plan.prompt).toBe(prompt);
  expect((await schedules.getSchedule(organizationId, id))?.prompt).toBe(prompt);
});

describe('the revisions of a schedule', () => {
  const NEVER = { nextFireAt: null, followingFireAt: null };
  const NEXT = { nextFireAt: FAR_FUTURE, followingFireAt: null };

  async function keyOf(organization: string, name: string): Promise<string> {
    const [row] = await fixture.sql<{ id: string }>(
      `INSERT INTO api_keys (organization_id, name, role, key_hash) VALUES ($1, $2, 'admin', $3) RETURNING id`,
      [organization, name, sha256(name)],
    );
    return row?.id ?? '';
  }

  it('say who created, edited, paused and resumed it, and all that was set then', async () => {
    const { schedules, history } = fixture.store;
    const keyId = await keyOf(organizationId, 'anna');
    const { id, teamId } = await fixture.schedule({ organizationId });
    await schedules.updateSchedule(organizationId, id, { timeoutMs: 60_000, name: 'Weekly' }, null, { by: keyId });
    await schedules.setEnabled(organizationId, id, false, 'on holiday', NEVER, keyId);
    await schedules.setEnabled(organizationId, id, true, null, NEXT);
    // Nothing changes.
    await schedules.updateSchedule(organizationId, id, { name: 'Weekly' }, null, { by: keyId });

    const revisions = await history.readRevisions(organizationId, id, 10);
    const by = { keyId, name: 'anna' };
    expect(revisions.map(({ at: _at, fields: _fields, ...rest }) => rest)).toEqual([
      { revision: 4, kind: 'resumed', changed: ['enabled'], note: null, by: null },
      { revision: 3, kind: 'paused', changed: ['enabled'], note: 'on holiday', by },
      { revision: 2, kind: 'edited', changed: ['name', 'timeoutMs'], note: null, by },
      { revision: 1, kind: 'created', changed: [], note: null, by: null },
    ]);
    expect(revisions[1]?.fields).toEqual({
      ...{ allowEmpty: false, allowOpenToolCalls: false, promptFormat: 'plain', variables: {} },
      ...{ verify: null, artifacts: null },
      ...{
        teamId,
        name: 'Weekly',
        prompt: 'Write a report.',
        cron: '0 9 * * *',
        timezone: 'Europe/Berlin',
        enabled: false,
      },
      ...{ timeoutMs: 60_000, overlap: 'allow', catchUp: 'latest', catchUpWindowMs: 3_600_000 },
    });
    expect((await history.readRevisions(organizationId, id, 1, 3)).map(({ revision }) => revision)).toEqual([2]);
    expect(await history.readRevisions(await fixture.organization(), id, 10)).toEqual([]);
    expect((await schedules.getSchedule(organizationId, id))?.revision).toBe(4);
  });

  it('name the key of a creation, and no key for a statement that says none', async () => {
    const keyId = await keyOf(organizationId, 'ben');
    const like = await fixture.schedule({ organizationId });
    const made = await fixture.store.schedules.createSchedule(
      organizationId,
      { ...like, name: 'x' },
      NEXT,
      undefined,
      keyId,
    );
    const id = made?.id ?? '';
    // As the version before edits.
    await fixture.sql(`UPDATE schedules SET prompt = 'Other.' WHERE id = $1`, [id]);
    const revisions = await fixture.store.history.readRevisions(organizationId, id, 10);
    expect(revisions.map(({ kind, by }) => [kind, by?.name])).toEqual([
      ['edited', undefined],
      ['created', 'ben'],
    ]);
  });

  it('guard an edit: of two that are meant for the same one, one is done', async () => {
    const { schedules } = fixture.store;
    const { id } = await fixture.schedule({ organizationId });
    const edit = (name: string) => schedules.updateSchedule(organizationId, id, { name }, null, { revision: 1 });
    const results = await Promise.allSettled(['one', 'two', 'three'].map(edit));
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    expect(refused.map((reason) => reason instanceof ScheduleEditedError)).toEqual([true, true]);
    expect((await schedules.getSchedule(organizationId, id))?.revision).toBe(2);
  });

  it('tell what decided when it fired', async () => {
    const { schedules, history } = fixture.store;
    const { id } = await fixture.schedule({ organizationId });
    await schedules.updateSchedule(organizationId, id, { prompt: 'Other.' }, null);
    await schedules.setEnabled(organizationId, id, false, 'why', NEVER);
    await schedules.updateSchedule(organizationId, id, { timezone: 'UTC' }, NEVER);
    const changes = (await history.readSpecChanges(organizationId, [id])).get(id);
    expect(changes?.map(({ at: _, ...change }) => change)).toEqual([
      { enabled: true, cron: '0 9 * * *', timezone: 'Europe/Berlin', note: null },
      { enabled: false, cron: '0 9 * * *', timezone: 'Europe/Berlin', note: 'why' },
      { enabled: false, cron: '0 9 * * *', timezone: 'UTC', note: null },
    ]);
  });
});

describe('the ledger of a schedule', () => {
  it('has every fired instant once, newest first, with why it did not run', async () => {
    const { history } = fixture.store;
    const { id } = await fixture.schedule({ organizationId });
    const ids = [await insertRun(id, { at: 0, lastedMs: 5 }), await insertRun(id, { at: 10, status: 'missed' })];
    await insertRun(id, { at: 15, trigger: 'manual' });
    ids.push(await insertRun(id, { at: 20, trigger: 'catchup', lastedMs: 5 }));
    const first = await history.readLedger(organizationId, id, { limit: 2, cursor: null });
    const second = await history.readLedger(organizationId, id, { limit: 2, cursor: first.nextCursor });
    expect([...first.items, ...second.items].map(({ run }) => run.id)).toEqual([...ids].reverse());
    expect(second.nextCursor).toBeNull();
    expect(first.items[1]).toMatchObject({ reason: { code: 'internal' }, blockedBy: null, gap: null });
    expect(second.items[0]?.reason).toBeNull();
    const foreign = await history.readLedger(await fixture.organization(), id, { limit: 2, cursor: null });
    expect(foreign.items).toEqual([]);
  });
});

describe('the lanes of schedules', () => {
  const window = { from: minute(0), to: minute(100), maxRuns: 3, columnMs: 10 * 60_000 };

  it('have their runs one by one, oldest first, or counts by column where there are too many', async () => {
    const [few, many] = [await fixture.schedule({ organizationId }), await fixture.schedule({ organizationId })];
    await insertRun(few.id, { at: -1 });
    const ids = [await insertRun(few.id, { at: 0, trigger: 'manual' }), await insertRun(few.id, { at: 99 })];
    await insertRun(few.id, { at: 100 });
    for (const at of [1, 2, 95]) await insertRun(many.id, { at });
    await insertRun(many.id, { at: 3, status: 'failed', trigger: 'rerun' });
    const lanes = await fixture.store.history.readLanes(organizationId, [few.id, many.id], window);
    expect(lanes.get(few.id)?.runs?.map(({ id }) => id)).toEqual(ids);
    const columns = [...(lanes.get(many.id)?.columns ?? [])].sort(
      (one, other) => one.column - other.column || one.count - other.count,
    );
    expect(columns).toEqual([
      { column: 0, status: 'failed', count: 1 },
      { column: 0, status: 'success', count: 2 },
      { column: 9, status: 'success', count: 1 },
    ]);
    expect(await fixture.store.history.readLanes(await fixture.organization(), [few.id], window)).toEqual(new Map());
  });

  it('are counted by quarters of an hour over all schedules of an organization', async () => {
    const [one, other] = [await fixture.schedule({ organizationId }), await fixture.schedule({ organizationId })];
    await insertRun(one.id, { at: 14 });
    await insertRun(other.id, { at: 1, trigger: 'manual' });
    await insertRun(one.id, { at: 15, status: 'missed' });
    await insertRun((await fixture.schedule()).id, { at: 2 });
    const counts = await fixture.store.history.countByQuarter(organizationId, minute(0), minute(100));
    expect([...counts].sort((a, b) => a.at.getTime() - b.at.getTime())).toEqual([
      { at: minute(0), status: 'success', count: 2 },
      { at: minute(15), status: 'missed', count: 1 },
    ]);
  });
});
