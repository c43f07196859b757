import { aSchedule, aTeam, startHttp, type HttpFixture } from '../http-fixture';

let http: HttpFixture;
beforeAll(async () => (http = await startHttp()));
beforeEach(() => http.reset());
afterAll(() => http.app.close());

const SCHEDULES = '/api/v1/schedules';
const TEMPLATE = 'Since {{ window.start | date: "%H:%M" }} in {{ variables.repository }}.';
const faultOf = (body: unknown): unknown => (body as { errors: unknown[] }).errors;

async function schedule(
  fields: object = {},
  status = 201,
): Promise<{ id: string; nextRunAt: string; createdAt: string }> {
  const { body: team } = await http.call('post', '/api/v1/teams').send(aTeam());
  const variables = { repository: 'web' };
  const given = aSchedule((team as { id: string }).id, {
    prompt: TEMPLATE,
    variables,
    timezone: 'Europe/Berlin',
    ...fields,
  });
  const { body } = await http.call('post', SCHEDULES).send(given).expect(status);
  return body as never;
}

describe('a schedule with a template', () => {
  it('is shown with it, and says what its next run would be told', async () => {
    const { id, nextRunAt, createdAt } = await schedule();
    const { body } = await http.call('get', `${SCHEDULES}/${id}`);
    expect(body).toMatchObject({ prompt: TEMPLATE, promptFormat: 'template', variables: { repository: 'web' } });
    const rendered = await http.call('post', `${SCHEDULES}/${id}/render`).expect(200);
    const berlin = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short', timeZone: 'Europe/Berlin' });
    expect(rendered.body).toEqual({
      prompt: `Since ${berlin.format(new Date(createdAt))} in web.`,
      scheduledFor: nextRunAt,
      window: { start: createdAt, end: nextRunAt },
    });
    const other = { prompt: 'Only {{ variables.n }}', variables: { n: 2 } };
    expect((await http.call('post', `${SCHEDULES}/${id}/render`).send(other)).body).toMatchObject({ prompt: 'Only 2' });
  });

  it('is refused at the place of what there is not, in a new one and in an edit of either half', async () => {
    const fault = (message: string) => [{ path: 'prompt', message: expect.stringContaining(message) as string }];
    const refused = await http.call('post', SCHEDULES).send(aSchedule('x', { prompt: 'a\n {{ windw }}' }));
    expect(refused.status).toBe(404);
    const { body: team } = await http.call('post', '/api/v1/teams').send(aTeam());
    const made = aSchedule((team as { id: string }).id, { prompt: 'a\n {{ windw }}' });
    expect(faultOf((await http.call('post', SCHEDULES).send(made).expect(400)).body)).toEqual(
      fault('line 2, column 5: there is no "windw"'),
    );
    const { id } = await schedule();
    const edit = (body: object) => http.call('patch', `${SCHEDULES}/${id}`).send(body);
    expect(faultOf((await edit({ variables: {} }).expect(400)).body)).toEqual(fault('the schedule has no variables'));
    expect(faultOf((await edit({ prompt: '{% include "x" %}' }).expect(400)).body)).toEqual(
      fault('tag "include" not found'),
    );
    await edit({ prompt: '{{ x', promptFormat: 'plain' }).expect(200);
    await edit({ promptFormat: 'template' }).expect(400);
    await edit({ prompt: '{{ variables.n }}', promptFormat: 'template', variables: { n: true } }).expect(200);
    await http.call('post', `${SCHEDULES}/${id}/trigger`).send({ prompt: '{{ y }}' }).expect(400);
    await http.call('post', `${SCHEDULES}/${id}/trigger`).send({ prompt: '{{ run.id }}' }).expect(202);
  });

  it.each([
    ['a name that is none', { 'a-b': 1 }, 'variables.a-b'],
    ['a value that is a list', { a: [] }, 'variables.a'],
    ['51 of them', Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`v${at}`, at])), 'variables'],
  ])('is refused with variables of %s', async (_what, variables, path) => {
    const { body: team } = await http.call('post', '/api/v1/teams').send(aTeam());
    const made = aSchedule((team as { id: string }).id, { variables });
    const { body } = await http.call('post', SCHEDULES).send(made).expect(400);
    expect(faultOf(body)).toEqual([expect.objectContaining({ path })]);
  });

  it('that is plain keeps its braces', async () => {
    const { id } = await schedule({ prompt: 'Write {{ this }}', promptFormat: 'plain' });
    expect((await http.call('post', `${SCHEDULES}/${id}/render`)).body).toMatchObject({ prompt: 'Write {{ this }}' });
  });
});

describe('POST /render', () => {
  it('shows what the first run of a draft would be told', async () => {
    const draft = {
      prompt: '{{ schedule.name }}: {{ scheduledFor }}{% if lastRun.status %} again{% endif %}',
      ...{ name: 'Draft', cron: '0 9 * * *', timezone: 'UTC' },
    };
    const { body } = await http.call('post', '/api/v1/render').send(draft).expect(200);
    const { prompt, scheduledFor, window } = body as { prompt: string; scheduledFor: string; window: { end: string } };
    expect(scheduledFor).toMatch(/T09:00:00\.000Z$/);
    expect(prompt).toBe(`Draft: ${scheduledFor}`);
    expect(window.end).toBe(scheduledFor);
  });

  it('says what the rendering alone finds', async () => {
    const prompt = '{% for i in (1..100000000) %}{% endfor %}';
    const { body } = await http.call('post', '/api/v1/render').send({ prompt }).expect(400);
    expect(faultOf(body)).toEqual([
      { path: 'prompt', message: expect.stringContaining('memory alloc limit') as string },
    ]);
  });
});
