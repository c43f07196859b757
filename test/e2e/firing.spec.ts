import Redis from 'ioredis';
import { describeWithDocker } from '../kit/services/docker';
import { eventually } from '../kit/wait-for';
import type { Run } from '../kit/client';
import { Crewtab } from './support/crewtab';

const MINUTE_MS = 60_000;
/** After FLUSHALL the Job Schedulers must be back within this. */
const REPAIR_LIMIT_MS = 15_000;

jest.setTimeout(180_000);

describeWithDocker('schedules fire by themselves, with two scheduler apps', () => {
  let crewtab: Crewtab;
  let redis: Redis;

  beforeAll(async () => {
    crewtab = await Crewtab.start({ schedulers: 2 });
    redis = new Redis(crewtab.redis.url);
  });

  afterAll(async () => {
    (redis as Redis | undefined)?.disconnect();
    await (crewtab as Crewtab | undefined)?.stop();
  });

  const createMinutely = async (name: string): Promise<string> => {
    const { api } = crewtab;
    const team = await api.createTeam({ name, agents: [crewtab.leader()] });
    const schedule = { teamId: team.id, name, prompt: 'answer on time', cron: '* * * * *' };
    return (await api.createSchedule(schedule)).id;
  };

  /** Waits for the row of that instant, which must appear within its minute. */
  const rowOf = (scheduleId: string, dueAt: string): Promise<Run> =>
    eventually(
      async () => {
        const run = (await crewtab.api.runsOf(scheduleId)).find(({ scheduledFor }) => scheduledFor === dueAt);
        if (run === undefined) throw new Error(`no row for ${dueAt}`);
        return run;
      },
      { timeoutMs: Date.parse(dueAt) - Date.now() + MINUTE_MS, intervalMs: 250 },
    );

  const nextDueAt = async (scheduleId: string): Promise<string> =>
    (await crewtab.api.schedule(scheduleId)).nextRunAt ?? 'never';

  const jobSchedulers = async (): Promise<string[]> =>
    (await redis.keys('crewtab:ticks:repeat:*')).map((key) => key.split(':')[3] ?? '');

  /** Cron knows minutes only, and a test need not wait for two of them: the next instant becomes now. */
  const makeDue = (scheduleId: string): Promise<string> =>
    eventually(async () => {
      // Where it is just due by cron, it is tried again once that has fired.
      const [row] = await crewtab.sql<{ next_fire_at: Date }>(
        `UPDATE schedules SET following_fire_at = next_fire_at, next_fire_at = date_trunc('milliseconds', now())
         WHERE id = $1 AND next_fire_at > now() RETURNING next_fire_at`,
        [scheduleId],
      );
      await crewtab.sql(`SELECT pg_notify('crewtab_schedule_changed', '')`);
      return row !== undefined && row.next_fire_at.toISOString();
    });

  it('fires within the minute, once for each due instant, also after FLUSHALL on Redis, and not when paused', async () => {
    const { api } = crewtab;
    const [kept, paused] = [await createMinutely('Kept'), await createMinutely('Paused')];
    const firstMinute = await nextDueAt(kept);
    const [keptAt, pausedAt] = [await makeDue(kept), await makeDue(paused)];
    for (const [id, dueAt] of [
      [kept, keptAt],
      [paused, pausedAt],
    ] as const) {
      const { id: runId, trigger, startedAt } = await rowOf(id, dueAt);
      expect(trigger).toBe('schedule');
      const run = await api.untilFinished(runId);
      expect(run).toMatchObject({ status: 'success', result: 'on time' });
      expect(Date.parse(run.startedAt ?? startedAt ?? '') - Date.parse(run.scheduledFor)).toBeLessThan(MINUTE_MS);
    }

    await api.request('POST /schedules/:id/pause', { params: { id: paused }, body: { note: 'enough' } });
    expect(await api.schedule(paused)).toMatchObject({ nextRunAt: null });
    const rowsWhenPaused = (await api.runsOf(paused)).map(({ id }) => id);
    await redis.flushall();
    await eventually(async () => (await jobSchedulers()).includes(kept), { timeoutMs: REPAIR_LIMIT_MS });

    const minute = await nextDueAt(kept);
    const run = await rowOf(kept, minute);
    expect(run.trigger).toBe('schedule');
    await api.request('POST /schedules/:id/pause', { params: { id: kept } });
    expect(await api.untilFinished(run.id)).toMatchObject({ status: 'success' });

    expect((await api.runsOf(paused)).map(({ id }) => id)).toEqual(rowsWhenPaused);
    expect(await jobSchedulers()).not.toContain(paused);
    expect(dueInstants(await api.runsOf(kept))).toEqual([keptAt, ...minutesBetween(firstMinute, minute)].sort());
    expect(await crewtab.leftovers()).toEqual([]);
  });
});

function dueInstants(runs: readonly Run[]): string[] {
  return runs.map(({ scheduledFor }) => scheduledFor).sort();
}

function minutesBetween(firstAt: string, lastAt: string): string[] {
  const minutes = (Date.parse(lastAt) - Date.parse(firstAt)) / MINUTE_MS;
  return Array.from({ length: minutes + 1 }, (_, index) =>
    new Date(Date.parse(firstAt) + index * MINUTE_MS).toISOString(),
  );
}
