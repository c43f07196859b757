import { eventually } from '../../kit/wait-for';
import { SLOWNESS, type Cell } from './cell';
import type { PersistentClient } from './persistent-client';

/** Something that a scheduler does, which passes some of the crash points. */
export interface SchedulerScenario {
  readonly name: string;
  /** How many of its cases are played side by side. */
  readonly stands: number;
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

const SETTLED_WITHIN_MS = 180_000 * SLOWNESS;
const agents = [{ name: 'lead', role: 'leader', protocol: 'acp', image: 'crewtab-test/none:1' }];
const NEVER = '0 0 1 1 *';
const GONE_HOST = 'gone-host';

type Id = { readonly id: string };

async function makeSchedule(client: PersistentClient, fields: object): Promise<Id> {
  const team = await client.call<Id>('POST', '/teams', { name: 'Crash', agents });
  return client.call<Id>('POST', '/schedules', { teamId: team.id, name: 'x', prompt: 'x', cron: NEVER, ...fields });
}

const firstStart: SchedulerScenario = {
  name: 'the first start',
  stands: 1,
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
  stands: 1,
  // So that what only the first start of all does is not taken for a part of this.
  prepare: (client) => client.call('GET', '/teams'),
  before: (cell) =>
    cell.sql(`INSERT INTO hosts (id, runtime, description, first_seen_at, last_seen_at)
      VALUES ('${GONE_HOST}', 'docker', 'gone', now() - interval '1 day', now() - interval '1 day')
      ON CONFLICT (id) DO UPDATE SET decommissioned_at = NULL, decommissioned_by = NULL`),
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
    const tried = await client.call<Id>('POST', `/teams/${team.id}/try`, { prompt: 'x' });
    await client.call('POST', `/runs/${tried.id}/cancel`, undefined, [409]);
    await client.call('PUT', `/runs/${run.id}/acknowledgement`, { note: 'seen' });
    const { items } = await client.call<{ readonly items: readonly Id[] }>('GET', `/schedules?teamId=${team.id}`);
    for (const each of items) await client.call('DELETE', `/schedules/${each.id}`);
    await client.call('DELETE', `/teams/${team.id}`);
    const runs = await client.call<{ readonly items: readonly { status: string }[] }>('GET', `/schedules/${id}/runs`);
    const states = runs.items.map(({ status }) => status).sort();
    if (states.join() !== 'cancelled,queued') throw new Error(`two runs, one of them cancelled: ${states.join()}`);
    await client.call('POST', `/system/hosts/${GONE_HOST}/decommission`);
    if (items.length !== 1) throw new Error(`one request makes one schedule, not ${items.length}`);
  },
  judge: async (cell) => {
    const doubled = await cell.sql('SELECT request_key FROM schedule_runs GROUP BY request_key HAVING count(*) > 1');
    const left = await cell.sql('SELECT id FROM schedules WHERE deleted_at IS NULL');
    // The one that was made is deleted: what is left was made by a repetition.
    const teams = await cell.sql('SELECT id FROM teams');
    const gone = await cell.sql('SELECT id FROM hosts WHERE id = $1 AND decommissioned_at IS NOT NULL', [GONE_HOST]);
    return [
      ...(gone.length === 1 ? [] : ['the host is decommissioned']),
      ...(doubled.length > 0 ? ['a request makes one run'] : []),
      ...(left.length > 0 ? ['deleted schedules stay deleted'] : []),
      ...(teams.length > 0 ? ['a request makes one team'] : []),
    ];
  },
};

const firing: SchedulerScenario = {
  name: 'schedules that are due',
  stands: 2,
  prepare: async (client) => {
    await makeSchedule(client, { name: 'punctual' });
    const { id } = await makeSchedule(client, { name: 'skip', overlap: 'skip' });
    await client.call('POST', `/schedules/${id}/trigger`);
    await makeSchedule(client, { name: 'replace', overlap: 'replace' });
    await makeSchedule(client, { name: 'paused', enabled: false });
    await makeSchedule(client, { name: 'broken' });
  },
  before: async (cell) => {
    // As a database that an operator restored by hand might have it: nothing of it can be planned.
    await cell.sql(`UPDATE schedules SET cron = '99 99 * * *', fault = NULL, fault_since = NULL, retry_at = NULL,
      clock_version = 0, next_fire_at = now() + interval '50 days', following_fire_at = NULL WHERE name = 'broken'`);
    await cell.sql(`UPDATE schedules SET clock_version = 0,
      next_fire_at = CASE WHEN enabled THEN date_trunc('milliseconds', now()) END,
      following_fire_at = CASE WHEN enabled THEN now() + interval '100 days' END WHERE name <> 'broken'`);
  },
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

/** Every due instant has its row, every queued run has a wake-up in Redis, and the job schedulers are in step. */
async function expectFired(cell: Cell): Promise<boolean> {
  const [due] = await cell.sql<{ schedules: number; unsynced: number; unplanned: number }>(
    `SELECT count(*) FILTER (WHERE next_fire_at <= now())::int AS schedules,
      count(*) FILTER (WHERE clock_version <> spec_version)::int AS unsynced,
      count(*) FILTER (WHERE enabled AND following_fire_at IS NULL AND fault IS NULL)::int AS unplanned FROM schedules`,
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
