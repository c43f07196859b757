import type { RunView } from '@crewtab/api-contract/run-routes';
import { aSchedule, aTeam, KEYS, NO_ID, ORGANIZATION, startHttp, type HttpFixture } from '../http-fixture';
import type { ScheduleView } from '@crewtab/api-contract/schedule-routes';

const SCHEDULES = '/api/v1/schedules';

let http: HttpFixture;
let teamId: string;
beforeAll(async () => (http = await startHttp()));
beforeEach(async () => {
  http.reset();
  teamId = ((await http.call('post', '/api/v1/teams').send(aTeam())).body as { id: string }).id;
});
afterAll(() => http.app.close());

const create = async (fields: object = {}): Promise<ScheduleView> =>
  (
    await http
      .call('post', SCHEDULES)
      .send({ ...aSchedule(teamId), ...fields })
      .expect(201)
  ).body as ScheduleView;
const paths = (body: unknown): string[] => (body as { errors: { path: string }[] }).errors.map((error) => error.path);

describe('POST /schedules', () => {
  it('stores a schedule with its next instants', async () => {
    const fields = {
      timezone: 'America/New_York',
      timeout: '1h30m',
      overlap: 'skip',
      catchUp: 'none',
      catchUpWindow: '10m',
      allowEmpty: true,
      allowOpenToolCalls: true,
      enabled: true,
    };
    const schedule = await create(fields);
    expect(schedule).toMatchObject({
      ...aSchedule(teamId),
      ...fields,
      timeoutSeconds: 5_400,
      status: 'idle',
      lastRunAt: null,
    });
    // The fixture's now is Monday, 2026-01-05, 09:00 UTC: 04:00 in New York.
    expect(schedule.nextRunAt).toBe('2026-01-05T14:00:00.000Z');
    expect(http.catalog.instants.get(schedule.id)?.followingFireAt?.toISOString()).toBe('2026-01-06T14:00:00.000Z');
  });

  it('fills in what may be left out, the timeout included', async () => {
    expect(await create()).toMatchObject({
      timezone: 'UTC',
      enabled: true,
      timeout: '1h',
      timeoutSeconds: 3_600,
      overlap: 'allow',
      catchUp: 'latest',
      catchUpWindow: '1h',
      allowEmpty: false,
      allowOpenToolCalls: false,
      nextRunAt: '2026-01-06T09:00:00.000Z',
    });
  });

  it('plans nothing for a schedule that is created disabled', async () => {
    expect(await create({ enabled: false })).toMatchObject({ enabled: false, nextRunAt: null });
  });

  const faults: [string, object, string][] = [
    ['no team', { teamId: undefined }, 'teamId'],
    ['no name', { name: undefined }, 'name'],
    ['an empty name', { name: '' }, 'name'],
    ['a name of 101 characters', { name: 'x'.repeat(101) }, 'name'],
    ['no prompt', { prompt: undefined }, 'prompt'],
    ['an empty prompt', { prompt: '' }, 'prompt'],
    ['a blank prompt', { prompt: ' \n ' }, 'prompt'],
    ['a prompt of 50,001 characters', { prompt: 'x'.repeat(50_001) }, 'prompt'],
    ['a prompt that is a list', { prompt: ['x'] }, 'prompt'],
    ['no cron', { cron: undefined }, 'cron'],
    ['an empty cron', { cron: '' }, 'cron'],
    ['six fields', { cron: '0 0 9 * * 1-5' }, 'cron'],
    ['four fields', { cron: '0 9 * *' }, 'cron'],
    ['minute 61', { cron: '61 9 * * *' }, 'cron'],
    ['H', { cron: 'H 9 * * *' }, 'cron'],
    ['@reboot', { cron: '@reboot' }, 'cron'],
    ['30 February', { cron: '0 0 30 2 *' }, 'cron'],
    ['an unknown zone', { timezone: 'Mars/Olympus' }, 'timezone'],
    ['an offset for a zone', { timezone: '+02:00' }, 'timezone'],
    ['an empty zone', { timezone: '' }, 'timezone'],
    ['a timeout of 0', { timeout: '0s' }, 'timeout'],
    ['a timeout of 999 ms', { timeout: '999ms' }, 'timeout'],
    ['a timeout over the maximum', { timeout: '24h0m1s' }, 'timeout'],
    ['a timeout without a unit', { timeout: '30' }, 'timeout'],
    ['a timeout as a number', { timeout: 30 }, 'timeout'],
    ['a negative timeout', { timeout: '-1h' }, 'timeout'],
    ['enabled as text', { enabled: 'yes' }, 'enabled'],
    ['an unknown overlap', { overlap: 'never' }, 'overlap'],
    ['an unknown catch-up', { catchUp: 'some' }, 'catchUp'],
    ['a catch-up window of 31 days', { catchUpWindow: '744h' }, 'catchUpWindow'],
    ['allowEmpty as text', { allowEmpty: 'yes' }, 'allowEmpty'],
    ['an unknown field', { colour: 'red' }, 'colour'],
    ['a field that is only for reading', { timeoutSeconds: 5 }, 'timeoutSeconds'],
  ];

  it.each(faults)('refuses %s, with the path, and stores nothing', async (_, fields, path) => {
    const answer = await http
      .call('post', SCHEDULES)
      .send({ ...aSchedule(teamId), ...fields })
      .expect(400);
    expect(answer.body).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(paths(answer.body)).toEqual([path]);
    expect(http.catalog.schedules.size).toBe(0);
  });

  it("repeats the cron parser's words", async () => {
    const answer = await http
      .call('post', SCHEDULES)
      .send(aSchedule(teamId, { cron: '61 9 * * *' }))
      .expect(400);
    expect((answer.body as { errors: { message: string }[] }).errors[0]?.message).toContain(
      'minute: "61" is out of range; allowed is 0-59',
    );
  });

  it('tells all faults at once', async () => {
    const answer = await http.call('post', SCHEDULES).send({ name: '', cron: 'x', timeout: '0s', more: 1 }).expect(400);
    expect(paths(answer.body).sort()).toEqual(['cron', 'more', 'name', 'prompt', 'teamId', 'timeout']);
  });

  it.each([
    ['another organization’s', () => teamId, KEYS.other],
    ['an unknown', () => NO_ID, KEYS.admin],
    ['an impossible', () => 'seventeen', KEYS.admin],
  ])('answers %s team with 404 and the path', async (_, id, key) => {
    const answer = await http.call('post', SCHEDULES, key).send(aSchedule(id())).expect(404);
    expect(answer.body).toMatchObject({ code: 'not_found', errors: [{ path: 'teamId' }] });
    expect(http.catalog.schedules.size).toBe(0);
  });

  it('takes what is exactly at the limits', async () => {
    const schedule = await create({
      name: 'x'.repeat(100),
      prompt: '🦀'.repeat(50_000),
      timeout: '24h',
      catchUpWindow: '0s',
      cron: '@daily',
    });
    expect(schedule).toMatchObject({ timeout: '24h', catchUpWindow: '0s', nextRunAt: '2026-01-06T00:00:00.000Z' });
    await create({ timeout: '1s' });
  });

  it('takes a timeout of 30 days where SCHEDULE_TIMEOUT_MAX is as long, and no longer one', async () => {
    const patient = await startHttp({ settings: { maxTimeoutMs: 720 * 3_600_000 } });
    const ask = (timeout: string) => patient.call('post', SCHEDULES).send({ ...aSchedule(patientTeam.id), timeout });
    const patientTeam = (await patient.call('post', '/api/v1/teams').send(aTeam())).body as { id: string };
    try {
      const { body } = await ask('720h').expect(201);
      expect(body).toMatchObject({ timeout: '720h', timeoutSeconds: 2_592_000 });
      await ask('720h0m1s').expect(400);
    } finally {
      await patient.app.close();
    }
  });
});

describe('GET /schedules', () => {
  it('lists only what fits every filter of the query', async () => {
    const paused = await create({ name: 'paused', enabled: false });
    await create({ name: 'live' });
    const names = async (query: string): Promise<string[]> =>
      ((await http.call('get', `${SCHEDULES}?${query}`).expect(200)).body as { items: { name: string }[] }).items.map(
        (item) => item.name,
      );
    expect(await names('')).toEqual(['live', 'paused']);
    expect(await names('enabled=false')).toEqual([paused.name]);
    expect(await names(`teamId=${teamId}&status=idle&enabled=true`)).toEqual(['live']);
    expect(await names(`teamId=${NO_ID}`)).toEqual([]);
    expect(await names('teamId=seventeen')).toEqual([]);
  });

  it.each([
    ['enabled=yes', 'enabled'],
    ['status=broken', 'status'],
    ['colour=red', 'colour'],
  ])('refuses ?%s', async (query, path) => {
    expect(paths((await http.call('get', `${SCHEDULES}?${query}`).expect(400)).body)).toEqual([path]);
  });
});

describe('PATCH /schedules/:id', () => {
  it('changes only what is given and plans anew only when the spec changes', async () => {
    const { id } = await create();
    http.catalog.instants.clear();
    const named = await http
      .call('patch', `${SCHEDULES}/${id}`)
      .send({ name: 'New', cron: '0 9 * * 1-5', timeout: '5m' })
      .expect(200);
    expect(named.body).toMatchObject({ name: 'New', timeout: '5m', prompt: 'Write a report.' });
    expect(http.catalog.instants.size).toBe(0);
    const moved = await http.call('patch', `${SCHEDULES}/${id}`).send({ timezone: 'Asia/Tokyo' }).expect(200);
    expect(moved.body).toMatchObject({ nextRunAt: '2026-01-06T00:00:00.000Z', cron: '0 9 * * 1-5' });
    const stopped = await http.call('patch', `${SCHEDULES}/${id}`).send({ enabled: false }).expect(200);
    expect(stopped.body).toMatchObject({ enabled: false, nextRunAt: null });
  });

  it('plans from what is stored when another edit came between', async () => {
    const { id } = await create();
    const update = http.catalog.updateSchedule.bind(http.catalog);
    jest
      .spyOn(http.catalog, 'updateSchedule')
      .mockImplementationOnce(async (organizationId, scheduleId, patch, instants) => {
        await update(organizationId, scheduleId, { timezone: 'Asia/Tokyo' }, null);
        return update(organizationId, scheduleId, patch, instants);
      });
    const edited = await http.call('patch', `${SCHEDULES}/${id}`).send({ cron: '0 12 * * *' }).expect(200);
    expect(edited.body).toMatchObject({
      timezone: 'Asia/Tokyo',
      cron: '0 12 * * *',
      nextRunAt: '2026-01-06T03:00:00.000Z',
    });
  });

  it.each([
    [{ cron: '61 * * * *' }, 'cron'],
    [{ prompt: '' }, 'prompt'],
    [{ timeout: '25h' }, 'timeout'],
    [{ name: null }, 'name'],
    [{ status: 'idle' }, 'status'],
  ])('refuses %j and keeps what was', async (patch, path) => {
    const schedule = await create();
    expect(paths((await http.call('patch', `${SCHEDULES}/${schedule.id}`).send(patch).expect(400)).body)).toEqual([
      path,
    ]);
    expect((await http.call('get', `${SCHEDULES}/${schedule.id}`)).body).toEqual(schedule);
  });

  it.each([NO_ID, 'seventeen'])('answers the unknown team %s with 404 and the path', async (unknown) => {
    const { id } = await create();
    const answer = await http.call('patch', `${SCHEDULES}/${id}`).send({ teamId: unknown }).expect(404);
    expect(answer.body).toMatchObject({ code: 'not_found', errors: [{ path: 'teamId' }] });
  });
});

describe('pause and resume', () => {
  it('stop and start the fires, with a note', async () => {
    const { id } = await create();
    const paused = await http.call('post', `${SCHEDULES}/${id}/pause`).send({ note: 'on holiday' }).expect(200);
    expect(paused.body).toMatchObject({ enabled: false, nextRunAt: null });
    expect(http.catalog.notes.get(id)).toBe('on holiday');
    const resumed = await http.call('post', `${SCHEDULES}/${id}/resume`).expect(200);
    expect(resumed.body).toMatchObject({ enabled: true, nextRunAt: '2026-01-06T09:00:00.000Z' });
    expect(http.catalog.notes.get(id)).toBeNull();
  });

  it('change nothing where the schedule is in that state already', async () => {
    const { id } = await create();
    const again = await http.call('post', `${SCHEDULES}/${id}/resume`).send({}).expect(200);
    expect(again.body).toMatchObject({ enabled: true, nextRunAt: '2026-01-06T09:00:00.000Z' });
  });

  it('refuse other fields', async () => {
    const { id } = await create();
    expect(paths((await http.call('post', `${SCHEDULES}/${id}/pause`).send({ notes: 'x' }).expect(400)).body)).toEqual([
      'notes',
    ]);
    expect(
      paths(
        (
          await http
            .call('post', `${SCHEDULES}/${id}/pause`)
            .send({ note: 'x'.repeat(1_001) })
            .expect(400)
        ).body,
      ),
    ).toEqual(['note']);
  });
});

describe('trigger', () => {
  it('starts a run and wakes a worker', async () => {
    const { id } = await create({ enabled: false });
    const answer = await http.call('post', `${SCHEDULES}/${id}/trigger`).expect(202);
    const run = answer.body as RunView;
    expect(run).toMatchObject({
      scheduleId: id,
      teamId,
      trigger: 'manual',
      status: 'queued',
      phase: 'queued',
      prompt: 'Write a report.',
    });
    expect(answer.headers.location).toBe(`/api/v1/runs/${run.id}`);
    expect(http.queue.offered).toEqual([run.id]);
  });

  it('succeeds while Redis is down: the sweeper offers the run later', async () => {
    const { id } = await create();
    http.queue.isDown = true;
    await http.call('post', `${SCHEDULES}/${id}/trigger`).send({}).expect(202);
    expect(http.runs.runs.size).toBe(1);
    expect(http.logger.messages('warn')).toEqual(['could not wake a worker for a run; the sweeper will']);
  });

  it('refuses a body with fields that it does not know', async () => {
    const { id } = await create();
    expect(
      paths((await http.call('post', `${SCHEDULES}/${id}/trigger`).send({ words: 'other' }).expect(400)).body),
    ).toEqual(['words']);
    expect(http.runs.runs.size).toBe(0);
  });
});

describe('instants', () => {
  it('previews a cron expression in words and instants', async () => {
    const query = 'cron=0%209%20*%20*%201-5&timezone=Europe/Berlin&count=3&from=2026-03-27T12:00:00Z';
    const answer = await http.call('get', `${SCHEDULES}/preview?${query}`).expect(200);
    expect(answer.body).toEqual({
      description: 'At 09:00 AM, Monday through Friday',
      timezone: 'Europe/Berlin',
      // Summer time begins on Sunday the 29th.
      occurrences: ['2026-03-30T07:00:00.000Z', '2026-03-31T07:00:00.000Z', '2026-04-01T07:00:00.000Z'],
    });
  });

  it('gives five from now in UTC where nothing else is asked for, and up to 1,000', async () => {
    const answer = await http.call('get', `${SCHEDULES}/preview?cron=@hourly`).expect(200);
    expect((answer.body as { occurrences: string[] }).occurrences).toHaveLength(5);
    expect((answer.body as { occurrences: string[] }).occurrences[0]).toBe('2026-01-05T10:00:00.000Z');
    const many = await http.call('get', `${SCHEDULES}/preview?cron=@hourly&count=1000`).expect(200);
    expect((many.body as { occurrences: string[] }).occurrences).toHaveLength(1_000);
  });

  it.each([
    ['', 'cron'],
    ['cron=61%20*%20*%20*%20*', 'cron'],
    ['cron=@daily&timezone=Mars', 'timezone'],
    ['cron=@daily&count=0', 'count'],
    ['cron=@daily&count=1001', 'count'],
    ['cron=@daily&count=1e3', 'count'],
    ['cron=@daily&from=yesterday', 'from'],
    ['cron=@daily&from=2026-01-01', 'from'],
    ['cron=@daily&to=2026-01-01', 'to'],
  ])('refuses the preview ?%s', async (query, path) => {
    expect(paths((await http.call('get', `${SCHEDULES}/preview?${query}`).expect(400)).body)).toEqual([path]);
  });

  it('lists the upcoming fires of a schedule, none while it is paused', async () => {
    const { id } = await create({ timezone: 'Asia/Kolkata' });
    const answer = await http.call('get', `${SCHEDULES}/${id}/upcoming?count=2`).expect(200);
    expect(answer.body).toMatchObject({
      timezone: 'Asia/Kolkata',
      occurrences: ['2026-01-06T03:30:00.000Z', '2026-01-07T03:30:00.000Z'],
    });
    await http.call('post', `${SCHEDULES}/${id}/pause`).expect(200);
    expect((await http.call('get', `${SCHEDULES}/${id}/upcoming`).expect(200)).body).toMatchObject({ occurrences: [] });
  });
});

describe('another organization', () => {
  it.each([
    ['get', ''],
    ['patch', ''],
    ['delete', ''],
    ['post', '/pause'],
    ['post', '/resume'],
    ['post', '/trigger'],
    ['get', '/runs'],
    ['get', '/upcoming'],
  ] as const)('sees 404 for %s %s', async (method, suffix) => {
    const schedule = await create();
    const body = method === 'get' ? undefined : {};
    const asked = http.call(method, `${SCHEDULES}/${schedule.id}${suffix}`, KEYS.other);
    expect((await asked.send(body).expect(404)).body).toMatchObject({ code: 'not_found' });
    await http.call(method, `${SCHEDULES}/${NO_ID}${suffix}`).send(body).expect(404);
    expect((await http.call('get', `${SCHEDULES}/${schedule.id}`)).body).toEqual(schedule);
    expect(http.runs.runs.size).toBe(0);
  });
});

describe('how schedules have run', () => {
  const at = (minute: number): Date => new Date(Date.UTC(2026, 0, 5, 8, minute));
  const runOf = (scheduleId: string, minute: number, seconds: number) =>
    http.runs.addRun({
      ...{ organizationId: ORGANIZATION, scheduleId, status: 'success', phase: 'finished' },
      ...{ scheduledFor: at(minute), startedAt: at(minute), deadlineAt: at(59) },
      finishedAt: new Date(at(minute).getTime() + seconds * 1_000),
    });

  it('comes with a schedule, and with a list, as far as it is asked for', async () => {
    const { id } = await create();
    runOf(id, 1, 4);
    const newest = runOf(id, 2, 8);
    const { body } = await http.call('get', `${SCHEDULES}/${id}?include=recent,stats`).expect(200);
    const view = body as ScheduleView;
    expect(view.stats).toEqual({ n: 2, p50Seconds: 4, p95Seconds: 8 });
    expect(view.recent?.map((run) => run.startedAt)).toEqual([at(2).toISOString(), at(1).toISOString()]);
    expect(view.recent?.[0]).toMatchObject({ id: newest.id, status: 'success', trigger: 'schedule' });
    const list = (await http.call('get', `${SCHEDULES}?include=stats`).expect(200)).body as { items: ScheduleView[] };
    expect(list.items).toEqual([{ ...(await plain(id)), stats: view.stats }]);
    const faulty = await http.call('get', `${SCHEDULES}?include=recent,prompts`).expect(400);
    expect(paths(faulty.body)).toEqual(['include']);
  });

  const plain = async (id: string): Promise<object> => (await http.call('get', `${SCHEDULES}/${id}`)).body as object;
});

describe('GET /schedules?q=&sort=', () => {
  it('finds names and sorts them', async () => {
    for (const name of ['beta links', 'Alpha links', 'other']) await create({ name });
    const answer = await http.call('get', `${SCHEDULES}?q=LINKS&sort=name`).expect(200);
    const { items } = answer.body as { items: ScheduleView[] };
    expect(items.map(({ name }) => name)).toEqual(['Alpha links', 'beta links']);
  });
});

describe('POST /schedules/:id/trigger with a prompt', () => {
  it('runs with that prompt once, and refuses an empty one', async () => {
    const { id } = await create();
    const answer = await http.call('post', `${SCHEDULES}/${id}/trigger`).send({ prompt: 'Only today.' }).expect(202);
    expect((answer.body as RunView).prompt).toBe('Only today.');
    const faulty = await http.call('post', `${SCHEDULES}/${id}/trigger`).send({ prompt: ' ' }).expect(400);
    expect(paths(faulty.body)).toEqual(['prompt']);
  });
});
