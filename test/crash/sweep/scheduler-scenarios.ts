import { eventually } from '../../support/wait-for';
import { SLOWNESS, type Cell } from './cell';
import type { PersistentClient } from './persistent-client';

/** Something that a scheduler does, which passes some of the crash points. */
export interface SchedulerScenario {
  readonly name: string;
  /** True: each time on a database without even the schema. */
  readonly startsEmpty?: boolean;
  /** Once, on a scheduler that is well. */
  readonly prepare?: (client: PersistentClient) => Promise<unknown>;
  /** Before the armed scheduler starts. */
  readonly before?: (cell: Cell) => Promise<unknown>;
  /** Resolves when all is as it must become, whatever dies meanwhile. */
  readonly act: (client: PersistentClient, cell: Cell) => Promise<unknown>;
  /** In the end. @returns what is not as it must be */
  readonly judge: (cell: Cell) => Promise<string[]>;
}

const SETTLED_WITHIN_MS = 60_000 * SLOWNESS;
const agents = [{ name: 'lead', role: 'leader', protocol: 'acp', image: 'crewtab-test/none:1' }];
const NEVER = '0 0 1 1 *';

type Id = { readonly id: string };

async function makeSchedule(client: PersistentClient, fields: object): Promise<Id> {
  const team = await client.call<Id>('POST', '/teams', { name: 'Crash', agents });
  return client.call<Id>('POST', '/schedules', { teamId: team.id, name: 'x', prompt: 'x', cron: NEVER, ...fields });
}

const firstStart: SchedulerScenario = {
  name: 'the first start',
  startsEmpty: true,
  act: (client) => client.call('GET', '/teams'),
  judge: async (cell) => {
    const [row] = await cell.sql<{ keys: number; installations: number; organizations: number; halves: number }>(
      `SELECT (SELECT count(*)::int FROM api_keys) AS keys, (SELECT count(*)::int FROM installation) AS installations,
        (SELECT count(*)::int FROM organizations) AS organizations,
        (SELECT count(*)::int FROM _prisma_migrations WHERE finished_at IS NULL) AS halves`,
    );
    const isWell = row?.keys === 1 && row.installations === 1 && row.organizations === 1 && row.halves === 0;
    return isWell ? [] : [`there is one key, one installation, one organization: ${JSON.stringify(row)}`];
  },
};

const requests: SchedulerScenario = {
  name: 'requests of a person',
  // So that what only the first start of all does is not taken for a part of this.
  prepare: (client) => client.call('GET', '/teams'),
  act: async (client) => {
    const team = await client.call<Id>('POST', '/teams', { name: 'Crash', agents });
    await client.call('POST', '/teams', { name: 'no agents' }, [400]);
    await client.call('PATCH', `/teams/${team.id}`, { description: 'edited' });
    const schedule = { teamId: team.id, name: 'x', prompt: 'x', cron: NEVER };
    const { id } = await client.call<Id>('POST', '/schedules', schedule);
    await client.call('PATCH', `/schedules/${id}`, { name: 'edited', cron: '0 0 2 1 *' });
    await client.call('POST', `/schedules/${id}/pause`);
    await client.call('POST', `/schedules/${id}/resume`);
    const run = await client.call<Id>('POST', `/schedules/${id}/trigger`);
    await client.call('POST', `/runs/${run.id}/rerun`);
    // Asked again, it may be over already: cancelled.
    await client.call('POST', `/runs/${run.id}/cancel`, undefined, [409]);
    const { items } = await client.call<{ readonly items: readonly Id[] }>('GET', `/schedules?teamId=${team.id}`);
    for (const each of items) await client.call('DELETE', `/schedules/${each.id}`);
    await client.call('DELETE', `/teams/${team.id}`);
    const runs = await client.call<{ readonly items: readonly { status: string }[] }>('GET', `/schedules/${id}/runs`);
    const states = runs.items.map(({ status }) => status).sort();
    if (states.join() !== 'cancelled,queued') throw new Error(`two runs, one of them cancelled: ${states.join()}`);
    if (items.length > 2) throw new Error(`two schedules at most for one request, not ${items.length}`);
  },
  judge: async (cell) => {
    const doubled = await cell.sql('SELECT request_key FROM schedule_runs GROUP BY request_key HAVING count(*) > 1');
    const left = await cell.sql('SELECT id FROM schedules WHERE deleted_at IS NULL');
    return [
      ...(doubled.length > 0 ? ['a request makes one run'] : []),
      ...(left.length > 0 ? ['deleted schedules stay deleted'] : []),
    ];
  },
};

const firing: SchedulerScenario = {
  name: 'schedules that are due',
  prepare: async (client) => {
    await makeSchedule(client, { name: 'punctual' });
    const { id } = await makeSchedule(client, { name: 'skip', overlap: 'skip' });
    await client.call('POST', `/schedules/${id}/trigger`);
    await makeSchedule(client, { name: 'replace', overlap: 'replace' });
    await makeSchedule(client, { name: 'paused', enabled: false });
  },
  before: (cell) =>
    cell.sql(`UPDATE schedules SET clock_version = 0, next_fire_at = CASE WHEN enabled THEN date_trunc('milliseconds', now()) END,
      following_fire_at = CASE WHEN enabled THEN now() + interval '100 days' END`),
  act: (_, cell) => eventually(() => expectFired(cell), { timeoutMs: SETTLED_WITHIN_MS, intervalMs: 200 }),
  judge: async (cell) => {
    const doubled = await cell.sql(
      `SELECT schedule_id, scheduled_for FROM schedule_runs WHERE trigger <> 'manual'
        GROUP BY 1, 2 HAVING count(*) > 1`,
    );
    const crowded = await cell.sql(
      `SELECT schedule_id FROM schedule_runs r JOIN schedules s ON s.id = r.schedule_id
        WHERE s.overlap <> 'allow' AND r.status IN ('queued', 'running') GROUP BY 1 HAVING count(*) > 1`,
    );
    return [
      ...(doubled.length > 0 ? [`one row per due instant: ${JSON.stringify(doubled)}`] : []),
      ...(crowded.length > 0 ? ['one active run where the overlap policy says so'] : []),
    ];
  },
};

/** Every due instant has its row, whoever is queued has a wake-up in Redis, and the alarm clocks are in step. */
async function expectFired(cell: Cell): Promise<boolean> {
  const [due] = await cell.sql<{ schedules: number; unsynced: number; unplanned: number }>(
    `SELECT count(*) FILTER (WHERE next_fire_at <= now())::int AS schedules,
      count(*) FILTER (WHERE clock_version <> spec_version)::int AS unsynced,
      count(*) FILTER (WHERE enabled AND following_fire_at IS NULL)::int AS unplanned FROM schedules`,
  );
  const rows = await cell.sql<{ id: string; name: string; status: string }>(
    `SELECT DISTINCT ON (s.id) r.id, s.name, r.status FROM schedules s JOIN schedule_runs r ON r.schedule_id = s.id
      WHERE r.trigger <> 'manual' ORDER BY s.id, r.id DESC`,
  );
  const found = new Map(rows.map((row) => [row.name, row]));
  const woken = await Promise.all(
    ['punctual', 'replace'].map(async (name) => {
      const row = found.get(name);
      return row?.status === 'queued' && (await cell.redis.exists(`crewtab:runs:${row.id}`)) === 1;
    }),
  );
  const isRecorded = found.get('skip')?.status === 'skipped' && woken.every(Boolean);
  const isInStep = due?.schedules === 0 && due.unsynced === 0 && due.unplanned === 0;
  const clocks = await cell.redis.zcard('crewtab:ticks:repeat');
  if (isRecorded && isInStep && clocks === 3) return true;
  throw new Error(`not settled: ${JSON.stringify({ due, rows, woken, clocks })}`);
}

export const SCHEDULER_SCENARIOS: readonly SchedulerScenario[] = [firing, requests, firstStart];
