import { fireDueSchedules } from '@crewtab/orchestrator/firing/fire-due-schedules';
import { StoreFixture } from '../store/store-fixture';
import { firingDeps } from './firing-deps';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

let fixture: StoreFixture;

beforeAll(async () => {
  fixture = await StoreFixture.create();
});
afterAll(() => fixture.dispose());
beforeEach(() => fixture.empty());

interface Counted {
  readonly status: string;
  readonly trigger: string;
  readonly rows: number;
}

function countRuns(scheduleId: string): Promise<Counted[]> {
  return fixture.sql<Counted>(
    `SELECT status, trigger, count(*)::int AS rows FROM schedule_runs WHERE schedule_id = $1 GROUP BY 1, 2 ORDER BY 1, 2`,
    [scheduleId],
  );
}

/** The database's time, half a minute after a whole one, so that no minute ends while a test looks. */
async function minutes(): Promise<Date> {
  return new Date(Math.floor((await fixture.store.time.now()).getTime() / MINUTE_MS) * MINUTE_MS);
}

describe('after an outage', () => {
  it('of 30 days, a schedule of every minute has a row for each of them, and kept no other waiting', async () => {
    const deps = firingDeps(fixture.store);
    const started = await minutes();
    const down = await fixture.schedule({
      cron: '* * * * *',
      timezone: 'UTC',
      nextFireAt: new Date(started.getTime() - 30 * DAY_MS),
    });
    // Due just now, and with a policy that needs the general path as well.
    const punctual = await fixture.schedule({
      cron: '* * * * *',
      timezone: 'UTC',
      overlap: 'skip',
      nextFireAt: started,
    });
    const pieces: string[] = [];
    const { fires } = deps;
    const watched = Object.create(fires) as typeof fires;
    watched.fireOne = async (plan, options) => {
      const one = await fires.fireOne(plan, options);
      if (one) pieces.push(one.scheduleId);
      return one;
    };
    await fireDueSchedules({ ...deps, fires: watched });
    expect(pieces[0]).toBe(punctual.id);
    expect(pieces.filter((id) => id === down.id).length).toBeGreaterThanOrEqual(Math.ceil((30 * 1_440) / 500));

    const [gaps] = await fixture.sql<{ rows: number; gaps: number }>(
      `SELECT count(*)::int AS rows, (count(*) FILTER (WHERE step <> interval '1 minute'))::int AS gaps FROM (
         SELECT scheduled_for - lag(scheduled_for) OVER (ORDER BY scheduled_for) AS step FROM schedule_runs WHERE schedule_id = $1
       ) AS steps`,
      [down.id],
    );
    expect(gaps?.rows).toBeGreaterThan(30 * 1_440);
    expect(gaps?.gaps).toBe(0);
    const queued = (await countRuns(down.id)).filter(({ status }) => status === 'queued');
    // The newest is caught up with, unless it was due so recently that it is no catch-up; a minute may have begun since.
    expect(queued.reduce((sum, { rows }) => sum + rows, 0)).toBeLessThanOrEqual(3);
    expect(await fireDueSchedules(deps)).toMatchObject({ missed: 0 });
  }, 300_000);

  it.each([
    ['none', 4 * HOUR_MS, { queued: 0 }],
    ['latest', 4 * HOUR_MS, { queued: 1 }],
    ['latest', 0, { queued: 0 }],
    ['all', 4 * HOUR_MS, { queued: 24 }],
    ['all', HOUR_MS, { queued: 6 }],
  ] as const)('catches up by policy %s within a window of %d ms', async (catchUp, catchUpWindowMs, expected) => {
    const started = await minutes();
    // Every ten minutes, the newest due two minutes ago and so late; twelve hours of it.
    const newest = new Date(started.getTime() - 2 * MINUTE_MS);
    const cron = `${[0, 10, 20, 30, 40, 50]
      .map((minute) => (minute + newest.getUTCMinutes()) % 60)
      .sort((a, b) => a - b)
      .join(',')} * * * *`;
    const { id } = await fixture.schedule({
      cron,
      timezone: 'UTC',
      catchUp,
      catchUpWindowMs,
      nextFireAt: new Date(newest.getTime() - 12 * HOUR_MS),
    });
    await fireDueSchedules(firingDeps(fixture.store));
    const counted = await countRuns(id);
    const rowsOf = (status: string): number =>
      counted.filter((row) => row.status === status).reduce((sum, { rows }) => sum + rows, 0);
    expect(rowsOf('queued')).toBe(expected.queued);
    expect(rowsOf('missed')).toBe(73 - expected.queued);
    if (expected.queued > 0) expect(counted.find(({ status }) => status === 'queued')?.trigger).toBe('catchup');
  });
});

describe('a schedule whose row cannot be evaluated', () => {
  it.each([
    ['cron', 'the cron "0 25 * * *" cannot be read: hour', `cron = '0 25 * * *'`, `cron = '*/5 * * * *'`],
    ['time zone', 'do not have the time zone "Mars/Olympus"', `timezone = 'Mars/Olympus'`, `timezone = 'UTC'`],
  ])('in its %s is quarantined until it is repaired; others fire', async (_what, words, corrupt, repair) => {
    const deps = firingDeps(fixture.store);
    const organizationId = await fixture.organization();
    const started = await minutes();
    const nextFireAt = new Date(Math.floor((started.getTime() - HOUR_MS) / (5 * MINUTE_MS)) * 5 * MINUTE_MS);
    const wish = { cron: '*/5 * * * *', timezone: 'UTC', organizationId, nextFireAt };
    const faulty = await fixture.schedule({ ...wish, nextFireAt: new Date(nextFireAt.getTime() - 5 * MINUTE_MS) });
    const sound = await fixture.schedule({ ...wish, overlap: 'queue' });
    await fixture.sql(`UPDATE schedules SET ${corrupt} WHERE id = $1`, [faulty.id]);

    await fireDueSchedules(deps);
    expect((await countRuns(sound.id)).length).toBeGreaterThan(0);
    expect(await countRuns(faulty.id)).toEqual([]);
    const seen = await fixture.store.schedules.getSchedule(organizationId, faulty.id);
    expect(seen?.fault?.message).toContain(words);
    expect(deps.logger.messages('error')).toHaveLength(1);
    await fireDueSchedules(deps);
    expect(deps.logger.messages('error')).toHaveLength(1);

    await fixture.sql(`UPDATE schedules SET ${repair}, retry_at = now() WHERE id = $1`, [faulty.id]);
    await fireDueSchedules(deps);
    const rows = (await countRuns(faulty.id)).reduce((sum, { rows: count }) => sum + count, 0);
    expect(rows).toBeGreaterThanOrEqual(13);
    expect((await fixture.store.schedules.getSchedule(organizationId, faulty.id))?.fault).toBeNull();
  });
});
