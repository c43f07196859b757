import type { ScheduleView } from '@crewtab/api-contract/schedule-routes';
import type { RunView } from '@crewtab/api-contract/run-routes';
import type { TeamView } from '@crewtab/api-contract/team-routes';
import { aSchedule, aTeam, KEYS, NO_ID } from '../../../apps/scheduler/src/http/http-fixture';
import { startRest, type RestFixture } from './rest-fixture';

const V1 = '/api/v1';

let rest: RestFixture;
let call: RestFixture['http']['call'];
beforeAll(async () => {
  rest = await startRest();
  ({ call } = rest.http);
});
afterAll(() => rest.dispose());

const createTeam = async (fields: object = {}): Promise<TeamView> =>
  (
    await call('post', `${V1}/teams`)
      .send({ ...aTeam(), ...fields })
      .expect(201)
  ).body as TeamView;
const createSchedule = async (fields: object = {}): Promise<ScheduleView> =>
  (
    await call('post', `${V1}/schedules`)
      .send({ ...aSchedule((await createTeam()).id), ...fields })
      .expect(201)
  ).body as ScheduleView;
const count = async (table: string): Promise<number> =>
  Number((await rest.stored.sql<{ count: string }>(`SELECT count(*) FROM ${table}`))[0]?.count);

describe('teams', () => {
  it('come back as they were sent but for the values of secrets, which lie encrypted', async () => {
    const agents = [
      {
        name: 'lead',
        role: 'leader',
        protocol: 'acp',
        image: 'x',
        env: { TOKEN: 'streng-geheim' },
        resources: { cpus: 0.25 },
      },
    ];
    const network = { mode: 'allowlist', hosts: ['api.example.com', '*.example.org:5000'] } as const;
    const team = await createTeam({ agents, description: '🦀 ü', network });
    const shown = agents.map((agent) => ({ ...agent, env: { TOKEN: { isSet: true } } }));
    expect(team).toMatchObject({ agents: shown, description: '🦀 ü', network });
    expect((await call('get', `${V1}/teams/${team.id}`).expect(200)).body).toEqual(team);
    const rows = await rest.stored.sql<{ row: unknown }>('SELECT row_to_json(agents) AS row FROM agents');
    expect(JSON.stringify(rows)).not.toContain('streng-geheim');
  });

  it('change and go, but not while a schedule uses them', async () => {
    const schedule = await createSchedule();
    const path = `${V1}/teams/${schedule.teamId}`;
    expect((await call('patch', path).send({ name: 'Renamed' }).expect(200)).body).toMatchObject({ name: 'Renamed' });
    expect((await call('delete', path).expect(409)).body).toMatchObject({ code: 'team_in_use' });
    await call('delete', `${V1}/schedules/${schedule.id}`).expect(204);
    await call('delete', path).expect(204);
    await call('get', path).expect(404);
  });
});

describe('lists', () => {
  it('page through everything once, newest first, while more is added', async () => {
    const made: string[] = [];
    for (let n = 0; n < 7; n++) made.unshift((await createTeam({ name: `page ${n}` })).id);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await call('get', `${V1}/teams?limit=3${cursor === null ? '' : `&cursor=${cursor}`}`).expect(200);
      const { items, nextCursor } = page.body as { items: TeamView[]; nextCursor: string | null };
      seen.push(...items.map((team) => team.id));
      cursor = nextCursor;
      await createTeam({ name: 'added on the way' });
    } while (cursor !== null && seen.length < 50);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.slice(0, 7)).toEqual(made);
  });

  it.each(['teams', 'schedules', 'runs'])('of %s refuse a cursor that is none', async (list) => {
    const answer = await call('get', `${V1}/${list}?cursor=bm9uc2Vuc2U`).expect(400);
    expect(answer.body).toMatchObject({ code: 'invalid_request', errors: [{ path: 'cursor' }] });
  });
});

describe('schedules', () => {
  it('keep what was sent and know their next fire', async () => {
    const schedule = await createSchedule({
      timezone: 'Europe/Berlin',
      timeout: '90s',
      overlap: 'queue',
      catchUp: 'all',
      catchUpWindow: '2h',
    });
    expect(schedule).toMatchObject({
      timeout: '1m30s',
      timeoutSeconds: 90,
      overlap: 'queue',
      catchUpWindow: '2h',
    });
    expect(new Date(schedule.nextRunAt ?? 0).getTime()).toBeGreaterThan(Date.now());
    expect((await call('get', `${V1}/schedules/${schedule.id}`)).body).toEqual(schedule);
  });

  it('lose their next run in a pause, get it back with a resume, and move it with an edit', async () => {
    const { id, nextRunAt } = await createSchedule();
    expect((await call('post', `${V1}/schedules/${id}/pause`).send({ note: 'x' }).expect(200)).body).toMatchObject({
      enabled: false,
      nextRunAt: null,
    });
    expect((await call('post', `${V1}/schedules/${id}/resume`).expect(200)).body).toMatchObject({
      enabled: true,
      nextRunAt,
    });
    const moved = (await call('patch', `${V1}/schedules/${id}`).send({ cron: '*/5 * * * *' }).expect(200))
      .body as ScheduleView;
    expect(new Date(moved.nextRunAt ?? 0).getTime() - Date.now()).toBeLessThanOrEqual(300_000);
    const list = await call('get', `${V1}/schedules?enabled=true&teamId=${moved.teamId}`).expect(200);
    expect(list.body).toEqual({ items: [moved], nextCursor: null });
  });

  it('refuse a team of another organization, at its field, and store nothing', async () => {
    const { teamId, id } = await createSchedule();
    const before = await count('schedules');
    const other = await call('post', `${V1}/schedules`, KEYS.other).send(aSchedule(teamId)).expect(404);
    expect(other.body).toMatchObject({ code: 'not_found', errors: [{ path: 'teamId' }] });
    const moved = await call('patch', `${V1}/schedules/${id}`).send({ teamId: NO_ID }).expect(404);
    expect(moved.body).toMatchObject({ code: 'not_found', errors: [{ path: 'teamId' }] });
    expect(await count('schedules')).toBe(before);
  });
});

describe('runs', () => {
  it('start by hand, again, and end when cancelled', async () => {
    const { id } = await createSchedule({ enabled: false });
    const run = (await call('post', `${V1}/schedules/${id}/trigger`).expect(202)).body as RunView;
    expect(run).toMatchObject({ trigger: 'manual', status: 'queued', scheduleId: id, attempt: 1 });
    expect((await call('get', `${V1}/schedules/${id}`)).body).toMatchObject({ status: 'running' });
    const cancelled = await call('post', `${V1}/runs/${run.id}/cancel`).expect(202);
    expect(cancelled.body).toMatchObject({ status: 'cancelled', phase: 'finished', error: { code: 'cancelled' } });
    expect((await call('post', `${V1}/runs/${run.id}/cancel`).expect(409)).body).toMatchObject({ code: 'conflict' });
    const again = (await call('post', `${V1}/runs/${run.id}/rerun`).expect(202)).body as RunView;
    expect(again).toMatchObject({ trigger: 'rerun', status: 'queued', prompt: run.prompt });
    expect(rest.http.queue.offered).toEqual(expect.arrayContaining([run.id, again.id]));
    const history = await call('get', `${V1}/schedules/${id}/runs`).expect(200);
    expect((history.body as { items: RunView[] }).items.map((item) => item.id)).toEqual([again.id, run.id]);
  });

  it('stay readable when schedule and team are gone', async () => {
    const { id, teamId } = await createSchedule();
    const run = (await call('post', `${V1}/schedules/${id}/trigger`).expect(202)).body as RunView;
    await call('post', `${V1}/runs/${run.id}/cancel`).expect(202);
    await call('delete', `${V1}/schedules/${id}`).expect(204);
    await call('delete', `${V1}/teams/${teamId}`).expect(204);
    expect((await call('get', `${V1}/runs/${run.id}`).expect(200)).body).toMatchObject({
      id: run.id,
      teamName: 'Marketing team',
    });
    expect((await call('get', `${V1}/schedules/${id}/runs`).expect(200)).body).toMatchObject({
      items: [{ id: run.id }],
    });
  });

  it('of another organization are not there', async () => {
    const { id } = await createSchedule();
    const run = (await call('post', `${V1}/schedules/${id}/trigger`).expect(202)).body as RunView;
    for (const path of [
      `/runs/${run.id}`,
      `/runs/${run.id}/messages`,
      `/runs/${run.id}/events`,
      `/schedules/${id}`,
      `/schedules/${id}/runs`,
    ]) {
      await call('get', `${V1}${path}`, KEYS.other).expect(404);
    }
    for (const path of [`/runs/${run.id}/cancel`, `/runs/${run.id}/rerun`, `/schedules/${id}/trigger`])
      await call('post', `${V1}${path}`, KEYS.other).expect(404);
    expect((await call('get', `${V1}/runs`, KEYS.other).expect(200)).body).toEqual({ items: [], nextCursor: null });
    expect((await call('get', `${V1}/runs/${run.id}`)).body).toMatchObject({ status: 'queued' });
  });
});

describe('Idempotency-Key', () => {
  it('starts one run, however many requests race', async () => {
    const { id } = await createSchedule();
    const trigger = () => call('post', `${V1}/schedules/${id}/trigger`).set('Idempotency-Key', 'race').send({});
    const answers = await Promise.all(Array.from({ length: 12 }, () => trigger().then((answer) => answer)));
    expect(answers.every(({ status }) => status === 202 || status === 409)).toBe(true);
    const late = await trigger().expect(202);
    const history = (await call('get', `${V1}/schedules/${id}/runs`)).body as { items: RunView[] };
    expect(history.items.map((run) => run.id)).toEqual([(late.body as RunView).id]);
    expect(late.headers['idempotency-replayed']).toBe('true');
  });

  it('gives the same team again, and refuses another', async () => {
    const create = (name: string) =>
      call('post', `${V1}/teams`)
        .set('Idempotency-Key', 'team')
        .send({ ...aTeam({ env: { A: 'streng-geheim' } }), name });
    const first = await create('one').expect(201);
    expect((await create('one').expect(201)).body).toEqual(first.body);
    expect((await create('two').expect(409)).body).toMatchObject({ code: 'idempotency_mismatch' });
  });
});

describe('input', () => {
  it('is refused before anything is stored, whatever Postgres would think of it', async () => {
    const before = await Promise.all(['teams', 'schedules', 'idempotency_keys'].map(count));
    await call('post', `${V1}/teams`)
      .send({ ...aTeam(), name: 'a\0b' })
      .expect(400);
    await call('post', `${V1}/teams`)
      .send(aTeam({ instructions: '\udc00' }))
      .expect(400);
    await call('post', `${V1}/teams`).set('Idempotency-Key', 'refused').send({ name: 'x' }).expect(400);
    await call('post', `${V1}/schedules`)
      .send(aSchedule(NO_ID, { prompt: 'x'.repeat(50_001) }))
      .expect(400);
    await call('get', `${V1}/runs/%00`).expect(404);
    await call('get', `${V1}/runs?since=-000001-01-01T00:00:00Z`).expect(400);
    expect(await Promise.all(['teams', 'schedules', 'idempotency_keys'].map(count))).toEqual(before);
  });

  it('at the limits is taken by the database too', async () => {
    const team = await createTeam({
      name: '🦀'.repeat(63),
      description: '🦀'.repeat(1_000),
      agents: aTeam({ name: 'a'.repeat(63), instructions: '🦀'.repeat(50_000) }).agents,
    });
    const schedule = await call('post', `${V1}/schedules`).send(
      aSchedule(team.id, { name: '🦀'.repeat(100), prompt: '🦀'.repeat(50_000), timeout: '24h' }),
    );
    expect(schedule.status).toBe(201);
    await call('get', `${V1}/runs?since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59.999Z`).expect(200);
  });
});
