import { AppError } from '@crewtab/domain/errors';
import { aSchedule, aTeam, KEYS, startHttp, type HttpFixture } from '../http-fixture';

const TEAMS = '/api/v1/teams';

let http: HttpFixture;
beforeAll(async () => (http = await startHttp()));
beforeEach(() => http.reset());
afterAll(() => http.app.close());

const create = (body: object, key = 'key-1', apiKey?: string) =>
  http.call('post', TEAMS, apiKey).set('Idempotency-Key', key).send(body);

it('gives the first answer again, status, body and Location, and does the work once', async () => {
  const first = await create(aTeam()).expect(201);
  const again = await create(aTeam()).expect(201);
  expect(again.body).toEqual(first.body);
  expect(again.headers.location).toBe(first.headers.location);
  expect(first.headers['idempotency-replayed']).toBeUndefined();
  expect(again.headers['idempotency-replayed']).toBe('true');
  expect(http.catalog.teams.size).toBe(1);
});

it('takes a body with its fields in another order for the same', async () => {
  const team = aTeam();
  const first = await create(team).expect(201);
  const again = await create({ agents: team.agents, name: team.name }).expect(201);
  expect(again.body).toEqual(first.body);
});

it('refuses another body, or another path, under the same key', async () => {
  await create(aTeam()).expect(201);
  expect((await create({ ...aTeam(), name: 'Other' }).expect(409)).body).toMatchObject({
    code: 'idempotency_mismatch',
  });
  const elsewhere = http.call('post', '/api/v1/schedules').set('Idempotency-Key', 'key-1').send(aTeam());
  expect((await elsewhere.expect(409)).body).toMatchObject({ code: 'idempotency_mismatch' });
  expect(http.catalog.teams.size).toBe(1);
});

it('keeps organizations apart', async () => {
  const first = await create(aTeam()).expect(201);
  const other = await create(aTeam(), 'key-1', KEYS.other).expect(201);
  expect((other.body as { id: string }).id).not.toBe((first.body as { id: string }).id);
});

it('does not keep a refusal: the key may come back with a corrected body', async () => {
  await create({ ...aTeam(), name: '' }).expect(400);
  await create(aTeam()).expect(201);
  expect(http.catalog.teams.size).toBe(1);
});

it('does the work once when it was done and its answer was lost', async () => {
  const { catalog } = http;
  for (const method of ['createTeam', 'createSchedule'] as const) {
    const make = catalog[method].bind(catalog) as (...args: unknown[]) => Promise<unknown>;
    jest.spyOn(catalog, method).mockImplementationOnce(async (...args: unknown[]) => {
      await make(...args);
      throw new AppError('store_unreachable', 'the connection broke');
    });
  }
  await create(aTeam()).expect(503);
  const team = await create(aTeam()).expect(201);
  expect([...catalog.teams.keys()]).toEqual([(team.body as { id: string }).id]);
  const schedule = aSchedule((team.body as { id: string }).id);
  const createSchedule = () => http.call('post', '/api/v1/schedules').set('Idempotency-Key', 's-1').send(schedule);
  await createSchedule().expect(503);
  const made = await createSchedule().expect(201);
  expect([...catalog.schedules.keys()]).toEqual([(made.body as { id: string }).id]);
});

it('keeps the key for the same request after a fault of ours', async () => {
  jest.spyOn(http.catalog, 'createTeam').mockRejectedValueOnce(new Error('broken'));
  await create(aTeam()).expect(500);
  expect((await create({ ...aTeam(), name: 'Other' }).expect(409)).body).toMatchObject({
    code: 'idempotency_mismatch',
  });
  await create(aTeam()).expect(201);
});

it('tells a repetition to wait while the first request is under way', async () => {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const createTeam = http.catalog.createTeam.bind(http.catalog);
  let hasBegun = (): void => undefined;
  const begun = new Promise<void>((resolve) => (hasBegun = resolve));
  jest.spyOn(http.catalog, 'createTeam').mockImplementation(async (...args) => {
    hasBegun();
    await held;
    return createTeam(...args);
  });
  const first = create(aTeam()).then((answer) => answer);
  await begun;
  const busy = await create(aTeam()).expect(409);
  expect(busy.body).toMatchObject({ code: 'idempotency_in_progress' });
  expect(busy.headers['retry-after']).toBe('1');
  release();
  expect((await first).status).toBe(201);
});

it('answers as usual when the answer cannot be kept, and says so in the log', async () => {
  jest.spyOn(http.idempotency, 'complete').mockRejectedValue(new Error('no database'));
  await create(aTeam()).expect(201);
  expect(http.logger.messages('warn')).toEqual(['could not note the end of a request with an Idempotency-Key']);
});

it.each([['two words'], ['x'.repeat(256)], ['']])('refuses the key %j', async (key) => {
  const answer = await create(aTeam(), key).expect(400);
  expect(answer.body).toMatchObject({ errors: [{ path: 'Idempotency-Key' }] });
});

it('makes one run of a trigger that is sent twice with the same key', async () => {
  const team = await create(aTeam()).expect(201);
  const schedule = await http.call('post', '/api/v1/schedules').send(aSchedule((team.body as { id: string }).id));
  const trigger = () =>
    http
      .call('post', `/api/v1/schedules/${(schedule.body as { id: string }).id}/trigger`)
      .set('Idempotency-Key', 't-1');
  const first = await trigger().expect(202);
  const again = await trigger().expect(202);
  expect(again.body).toEqual(first.body);
  expect(again.headers.location).toBe(`/api/v1/runs/${(first.body as { id: string }).id}`);
  expect(http.runs.runs.size).toBe(1);
  expect(http.queue.offered).toHaveLength(1);
});
