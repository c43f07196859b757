import type { RunArchive, RunFilter, RunSort } from '@crewtab/domain/ports/management-store';
import { createPool, Database } from '@crewtab/store-prisma/database/database';
import { runLists } from '@crewtab/store-prisma/management/run-lists';
import { FEW_RUNS } from '@crewtab/store-prisma/management/run-list-statements';
import { StoreFixture } from './store-fixture';

let fixture: StoreFixture;
let database: Database;
let organizationId: string;
const scheduleIds: string[] = [];

interface Row {
  readonly id: string;
  readonly schedule_id: string;
  readonly team_id: string;
  readonly error_code: string | null;
  readonly status: NonNullable<RunFilter['status']>;
  readonly trigger: NonNullable<RunFilter['trigger']>;
  readonly scheduled_for: Date;
  readonly took_ms: number | null;
  readonly cost: number | null;
}

/** Newest first, several of one instant. */
let rows: Row[] = [];

const STATUSES = [undefined, 'success', 'failed', 'missed', 'running'] as const;
const TRIGGERS = [undefined, 'schedule', 'manual', 'rerun'] as const;
const INSTANTS = [undefined, 10, 10.5, 30] as const;

const minute = (n: number): Date => new Date(Date.parse('2026-03-01T00:00:00Z') + n * 60_000);

beforeAll(async () => {
  fixture = await StoreFixture.create();
  database = new Database(createPool(fixture.databaseUrl, 2, () => undefined));
  organizationId = await fixture.organization();
  for (const name of ['first', 'second']) scheduleIds.push((await fixture.schedule({ organizationId, name })).id);
  const foreign = await fixture.schedule();
  for (const id of [...scheduleIds, foreign.id]) await insertRuns(id);
  rows = await fixture.sql<Row>(
    `SELECT id, schedule_id, team_id, error_code, status, trigger, scheduled_for, took_ms::float8 AS took_ms, cost FROM schedule_runs WHERE organization_id = $1
     ORDER BY scheduled_for DESC, id DESC`,
    [organizationId],
  );
});
afterAll(async () => {
  await database.pool.end();
  await fixture.dispose();
});

/** Every third instant has a manual run or a rerun beside the fired one. Some took long, and one in four has no known cost. */
function insertRuns(scheduleId: string): Promise<unknown> {
  return fixture.sql(
    `INSERT INTO schedule_runs (organization_id, schedule_id, team_id, trigger, scheduled_for, status, phase, team_name, network, prompt,
       timeout_ms, agents, exclusive, host, started_at, deadline_at, teardown_verified_at, finished_at, cost, error_code, error_message)
     SELECT s.organization_id, s.id, s.team_id, kind::run_trigger, $2::timestamptz + n * interval '1 minute', status::run_status, 'finished', 'T', 'none',
       'p', 1000, '[]', false, CASE WHEN status <> 'missed' THEN 'host' END, CASE WHEN status <> 'missed' THEN $2::timestamptz END,
       CASE WHEN status <> 'missed' THEN $2::timestamptz END, CASE WHEN status <> 'missed' THEN $2::timestamptz END,
       $2::timestamptz + (n % 9) * interval '1.5 minutes', CASE WHEN n % 4 <> 0 THEN (n % 6) * 0.1 END, CASE WHEN status <> 'success' THEN CASE n % 2 WHEN 0 THEN 'internal' ELSE 'agent_idle' END END, CASE WHEN status <> 'success' THEN '' END
     FROM schedules s CROSS JOIN generate_series(0, 39) AS n
     CROSS JOIN LATERAL (VALUES ('schedule'), (CASE n % 6 WHEN 0 THEN 'manual' WHEN 3 THEN 'rerun' END)) AS fired(kind)
     CROSS JOIN LATERAL (SELECT CASE WHEN n % 7 = 0 THEN 'failed' WHEN n % 5 = 0 AND kind = 'schedule' THEN 'missed' ELSE 'success' END) AS end_of(status)
     WHERE s.id = $1 AND kind IS NOT NULL`,
    [scheduleId, minute(0)],
  );
}

async function allPages(
  filter: RunFilter,
  limit: number,
  sort?: RunSort,
  lists?: Pick<RunArchive, 'listRuns'>,
): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await (lists ?? fixture.store.archive).listRuns(organizationId, filter, {
      limit,
      cursor,
      ...(sort && { sort }),
    });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    found.push(...page.items.map(({ id }) => id));
    expect(found.length).toBeLessThanOrEqual(rows.length);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return found;
}

function expected(filter: RunFilter): string[] {
  return matching(filter).map(({ id }) => id);
}

function matching(filter: RunFilter): Row[] {
  const { scheduleId, teamId, code, status, trigger, since, until } = filter;
  return rows.filter(
    (row) =>
      (scheduleId === undefined || row.schedule_id === scheduleId) &&
      (teamId === undefined || row.team_id === teamId) &&
      (code === undefined || row.error_code === code) &&
      (status === undefined || row.status === status) &&
      (trigger === undefined || row.trigger === trigger) &&
      (since === undefined || row.scheduled_for >= since) &&
      (until === undefined || row.scheduled_for < until) &&
      isBetween(row.took_ms, filter.minTookMs, filter.maxTookMs) &&
      isBetween(row.cost, filter.minCost, filter.maxCost),
  );
}

function isBetween(value: number | null, min?: number, max?: number): boolean {
  if (min === undefined && max === undefined) return true;
  return value !== null && value >= (min ?? -Infinity) && value <= (max ?? Infinity);
}

describe('a list of runs', () => {
  it('has the rows that the lists are checked on', () => {
    expect(rows).toHaveLength(2 * (40 + 14));
  });

  describe.each(STATUSES)('of status %s', (status) => {
    it.each(TRIGGERS)('and trigger %s has each run once, newest first, between any two instants', async (trigger) => {
      for (const scheduleId of [undefined, ...scheduleIds]) {
        for (const [since, until] of INSTANTS.flatMap((from) => INSTANTS.map((to) => [from, to] as const))) {
          const filter: RunFilter = {
            ...(scheduleId !== undefined && { scheduleId }),
            ...(status !== undefined && { status }),
            ...(trigger !== undefined && { trigger }),
            ...(since !== undefined && { since: minute(since) }),
            ...(until !== undefined && { until: minute(until) }),
          };
          const found = await allPages(filter, 16);
          expect({ filter, found }).toEqual({ filter, found: expected(filter) });
        }
      }
    });
  });

  it('is narrowed by team, by code, and by both beside all else, and is counted by status', async () => {
    const [scheduleId = ''] = scheduleIds;
    const [teamId = ''] = new Set(rows.filter((row) => row.schedule_id === scheduleId).map((row) => row.team_id));
    const narrowed = ([{ teamId }, { code: 'internal' }, { teamId, code: 'agent_idle' }] as const).flatMap((filter) => [
      filter,
      { ...filter, scheduleId },
      ...STATUSES.flatMap((status) => (status === undefined ? [] : [{ ...filter, status }])),
      ...TRIGGERS.flatMap((trigger) => (trigger === undefined ? [] : [{ ...filter, trigger, since: minute(10) }])),
    ]);
    expect(matching({ teamId, code: 'agent_idle' }).length).toBeGreaterThan(2);
    for (const filter of [{}, { scheduleId }, ...narrowed]) {
      expect({ filter, found: await allPages(filter, 16) }).toEqual({ filter, found: expected(filter) });
      const byStatus: Partial<Record<Row['status'], number>> = {};
      for (const { status } of matching({ ...filter, status: undefined }))
        byStatus[status] = (byStatus[status] ?? 0) + 1;
      const counted = await fixture.store.archive.countRuns(organizationId, filter);
      expect({ filter, counted }).toEqual({ filter, counted: { byStatus, codes: ['agent_idle', 'internal'] } });
    }
  });

  const MINUTES = 60_000;
  const VALUES: readonly RunFilter[] = [
    {},
    { minTookMs: 6 * MINUTES },
    { maxTookMs: 1.5 * MINUTES },
    { minTookMs: 3 * MINUTES, maxTookMs: 3 * MINUTES, status: 'success' },
    { minCost: 0.3 },
    { maxCost: 0.1, trigger: 'schedule' },
    { minCost: 0.2, maxCost: 0.4, minTookMs: 3 * MINUTES },
    { minTookMs: 3 * MINUTES, since: minute(10), until: minute(30) },
    { code: 'internal', since: minute(10) },
  ];
  const SORTS: readonly [RunSort, 'scheduled_for' | 'took_ms' | 'cost', 1 | -1][] = [
    ['newest', 'scheduled_for', -1],
    ['oldest', 'scheduled_for', 1],
    ['longest', 'took_ms', -1],
    ['shortest', 'took_ms', 1],
    ['costliest', 'cost', -1],
    ['cheapest', 'cost', 1],
  ];

  // As of a small history, and as of one whose ranges are all too long to be read whole.
  describe.each([FEW_RUNS, 3])('of which at most %d are read whole', (few) => {
    it.each(SORTS)('has each run once, %s first, whatever it is narrowed to', async (sort, column, direction) => {
      const lists = runLists(database, few);
      for (const values of VALUES) {
        for (const scheduleId of [undefined, scheduleIds[0] ?? '']) {
          const filter = { ...values, ...(scheduleId !== undefined && { scheduleId }) };
          const found = await allPages(filter, 16, sort, lists);
          const known = matching(filter).filter((row) => row[column] !== null);
          const sorted = known.sort(
            (a, b) => direction * (Number(a[column]) - Number(b[column]) || (a.id < b.id ? -1 : 1)),
          );
          expect({ filter, found }).toEqual({ filter, found: sorted.map(({ id }) => id) });
          const byStatus: Partial<Record<Row['status'], number>> = {};
          for (const { status } of matching({ ...filter, status: undefined }))
            byStatus[status] = (byStatus[status] ?? 0) + 1;
          expect({ filter, ...(await lists.countRuns(organizationId, filter)) }).toMatchObject({
            filter,
            byStatus,
          });
        }
      }
    });
  });

  it('is empty for a schedule of another organization', async () => {
    const other = await fixture.organization();
    const [scheduleId = ''] = scheduleIds;
    const page = await fixture.store.archive.listRuns(other, { scheduleId }, { limit: 10, cursor: null });
    expect(page.items).toEqual([]);
  });
});

it('finds the neighbours of each run among those of its schedule', async () => {
  const { archive } = fixture.store;
  const own = rows.filter((row) => row.schedule_id === scheduleIds[0]).reverse();
  const idOf = (row: { readonly id: string } | null | undefined): string | undefined => row?.id;
  for (const [index, run] of own.entries()) {
    const found = await archive.findNeighbours(organizationId, run.id);
    const before = own.slice(0, index);
    expect([found?.previous, found?.next, found?.lastSuccess].map(idOf)).toEqual(
      [own[index - 1], own[index + 1], before.findLast(({ status }) => status === 'success')].map(idOf),
    );
  }
  const [foreign] = await fixture.sql<{ id: string }>('SELECT id FROM schedule_runs WHERE organization_id <> $1', [
    organizationId,
  ]);
  expect(await archive.findNeighbours(organizationId, foreign?.id ?? '')).toBeNull();
});

describe('a list of runs with long texts', () => {
  let owner: string;
  const list = (limit: number, cursor: string | null = null) =>
    fixture.store.archive.listRuns(owner, {}, { limit, cursor });

  async function insertLongRuns(count: number, prompt: string, result: string | null): Promise<void> {
    owner = await fixture.organization();
    const { id } = await fixture.schedule({ organizationId: owner });
    await fixture.sql(
      `INSERT INTO schedule_runs (organization_id, schedule_id, team_id, trigger, scheduled_for, status, phase, team_name, network, prompt,
         timeout_ms, agents, exclusive, finished_at, result)
       SELECT s.organization_id, s.id, s.team_id, 'manual', $2::timestamptz + n * interval '1 minute', 'success', 'finished', 'T', 'none', $3,
         1000, '[]', false, now(), $4 FROM schedules s, generate_series(1, $5) AS n WHERE s.id = $1`,
      [id, minute(0), prompt, result, count],
    );
  }

  it.each([
    [4_096, 'a', undefined],
    [4_096, '\u{1f600}', undefined],
    [4_097, 'a', true],
    [4_097, '\u{1f600}', true],
    [3_000_000, 'a', true],
  ])('has 4,096 characters of a result of %d times "%s"', async (times, character, isResultTruncated) => {
    await insertLongRuns(1, 'p', character.repeat(times));
    const [run] = (await list(10)).items;
    expect(run?.isResultTruncated).toBe(isResultTruncated);
    expect(run?.outcome?.result === character.repeat(4_096)).toBe(true);
    expect((await fixture.store.archive.getRun(owner, run?.id ?? ''))?.outcome?.result?.length).toBe(
      times * character.length,
    );
  });

  it('ends a page at 4 MiB of JSON, and goes on behind it', async () => {
    // Of six bytes each in JSON.
    await insertLongRuns(50, '\u0001'.repeat(50_000), '\u0001'.repeat(10_000));
    const sizes: number[] = [];
    const seen = new Set<string>();
    let cursor: string | null = null;
    do {
      const page = await list(40, cursor);
      sizes.push(JSON.stringify(page.items.map(({ plan, outcome }) => [plan.prompt, outcome?.result])).length);
      for (const { id } of page.items) seen.add(id);
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(Math.max(...sizes)).toBeLessThan(4 * 1024 ** 2);
    expect(sizes).toHaveLength(5);
    expect(seen.size).toBe(50);
  });

  it('has one run however large, and an end where there are no more', async () => {
    await insertLongRuns(2, '\u0001'.repeat(1_000_000), null);
    const first = await list(10);
    expect(first.items).toHaveLength(1);
    const second = await list(10, first.nextCursor);
    expect([second.items.length, second.nextCursor]).toEqual([1, null]);
  });
});
