import type { RunFilter } from '@crewtab/domain/ports/management-store';
import { StoreFixture } from './store-fixture';

let fixture: StoreFixture;
let organizationId: string;
const scheduleIds: string[] = [];

interface Row {
  readonly id: string;
  readonly schedule_id: string;
  readonly status: NonNullable<RunFilter['status']>;
  readonly trigger: NonNullable<RunFilter['trigger']>;
  readonly scheduled_for: Date;
}

/** Newest first, several of one instant. */
let rows: Row[] = [];

const STATUSES = [undefined, 'success', 'failed', 'missed', 'running'] as const;
const TRIGGERS = [undefined, 'schedule', 'manual', 'rerun'] as const;
const INSTANTS = [undefined, 10, 10.5, 30] as const;

const minute = (n: number): Date => new Date(Date.parse('2026-03-01T00:00:00Z') + n * 60_000);

beforeAll(async () => {
  fixture = await StoreFixture.create();
  organizationId = await fixture.organization();
  for (const name of ['first', 'second']) scheduleIds.push((await fixture.schedule({ organizationId, name })).id);
  const foreign = await fixture.schedule();
  for (const id of [...scheduleIds, foreign.id]) await insertRuns(id);
  rows = await fixture.sql<Row>(
    `SELECT id, schedule_id, status, trigger, scheduled_for FROM schedule_runs WHERE organization_id = $1
     ORDER BY scheduled_for DESC, id DESC`,
    [organizationId],
  );
});
afterAll(() => fixture.dispose());

/** Every third instant has a manual run or a rerun beside the fired one. */
function insertRuns(scheduleId: string): Promise<unknown> {
  return fixture.sql(
    `INSERT INTO schedule_runs (organization_id, schedule_id, team_id, trigger, scheduled_for, status, phase, team_name, network, prompt,
       timeout_ms, agents, exclusive, finished_at, error_code, error_message)
     SELECT s.organization_id, s.id, s.team_id, kind::run_trigger, $2::timestamptz + n * interval '1 minute', status::run_status, 'finished', 'T', 'none',
       'p', 1000, '[]', false, now(), CASE WHEN status <> 'success' THEN 'internal' END, CASE WHEN status <> 'success' THEN '' END
     FROM schedules s CROSS JOIN generate_series(0, 39) AS n
     CROSS JOIN LATERAL (VALUES ('schedule'), (CASE n % 6 WHEN 0 THEN 'manual' WHEN 3 THEN 'rerun' END)) AS fired(kind)
     CROSS JOIN LATERAL (SELECT CASE WHEN n % 7 = 0 THEN 'failed' WHEN n % 5 = 0 AND kind = 'schedule' THEN 'missed' ELSE 'success' END) AS end_of(status)
     WHERE s.id = $1 AND kind IS NOT NULL`,
    [scheduleId, minute(0)],
  );
}

async function allPages(filter: RunFilter, limit: number): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await fixture.store.archive.listRuns(organizationId, filter, { limit, cursor });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    found.push(...page.items.map(({ id }) => id));
    cursor = page.nextCursor;
  } while (cursor !== null);
  return found;
}

function expected({ scheduleId, status, trigger, since, until }: RunFilter): string[] {
  return rows
    .filter(
      (row) =>
        (scheduleId === undefined || row.schedule_id === scheduleId) &&
        (status === undefined || row.status === status) &&
        (trigger === undefined || row.trigger === trigger) &&
        (since === undefined || row.scheduled_for >= since) &&
        (until === undefined || row.scheduled_for < until),
    )
    .map(({ id }) => id);
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
