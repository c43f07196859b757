import type { ScheduleSort } from '@crewtab/domain/ports/management-store';
import { FAR_FUTURE, StoreFixture } from './store-fixture';

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
