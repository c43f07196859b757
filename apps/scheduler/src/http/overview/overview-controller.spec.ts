import type { OverviewRun } from '@crewtab/domain/ports/overview-store';
import {
  aSchedule,
  aTeam,
  KEYS,
  NO_ID,
  ORGANIZATION,
  OTHER_ORGANIZATION,
  startHttp,
  type HttpFixture,
} from '../http-fixture';

const OVERVIEW = '/api/v1/overview';

let http: HttpFixture;
beforeAll(async () => {
  http = await startHttp();
});
afterAll(() => http.app.close());

const run: OverviewRun = {
  ...{ id: NO_ID, scheduleId: NO_ID, name: 'Report', trigger: 'schedule', status: 'failed', phase: 'finished' },
  ...{ scheduledFor: new Date('2026-01-05T02:00:00Z'), startedAt: new Date('2026-01-05T02:00:01Z'), deadlineAt: null },
  ...{ finishedAt: new Date('2026-01-05T02:10:00Z'), error: { code: 'timeout', message: 'late' }, excerpt: null },
  usage: { inputTokens: 7, outputTokens: 1, cost: { amount: 0.5, currency: 'USD' }, incomplete: [] },
  lastWords: { agent: 'lead', text: 'almost', at: new Date('2026-01-05T02:09:00Z') },
};

const usage = {
  runs: 1,
  inputTokens: 7,
  outputTokens: 1,
  costs: [{ amount: 0.5, currency: 'USD' }],
  unknown: { tokens: 0, cost: 0 },
  incomplete: { tokens: 0, cost: 0 },
};

it('answers all parts of the caller’s organization, since a day ago unless told', async () => {
  http.overview.parts = {
    needsPerson: [run],
    digest: { counts: { failed: 1 }, isComplete: true, usage, runs: [run] },
    due: [{ scheduleId: NO_ID, scheduleName: 'Report', timezone: 'UTC', at: new Date('2026-01-05T12:00:00Z') }],
  };
  const { body } = await http.call('get', OVERVIEW, KEYS.member).expect(200);
  expect(body).toMatchObject({
    at: '2026-01-05T09:00:00.000Z',
    needsPerson: [{ status: 'failed', lastWords: { text: 'almost', at: '2026-01-05T02:09:00.000Z' } }],
    due: [{ at: '2026-01-05T12:00:00.000Z' }],
    digest: {
      since: '2026-01-04T09:00:00.000Z',
      counts: { failed: 1 },
      isComplete: true,
      usage,
      runs: [{ usage: { inputTokens: 7 } }],
    },
  });
  await http.call('get', `${OVERVIEW}?since=2026-01-05T08:00:00Z`, KEYS.other).expect(200);
  expect(http.overview.asked).toEqual([
    { organizationId: ORGANIZATION, since: new Date('2026-01-04T09:00:00Z') },
    { organizationId: OTHER_ORGANIZATION, since: new Date('2026-01-05T08:00:00Z') },
  ]);
  const refused = await http.call('get', `${OVERVIEW}?since=yesterday`).expect(400);
  expect(refused.body).toMatchObject({ errors: [{ path: 'since' }] });
});

describe('acknowledging a run', () => {
  const pathOf = (id: string): string => `/api/v1/runs/${id}/acknowledgement`;

  it('keeps who did, when and why, and may be repeated', async () => {
    const { id } = http.runs.addRun({ organizationId: ORGANIZATION, status: 'failed' });
    const { body } = await http.call('put', pathOf(id), KEYS.member).send({ note: 'registry was down' }).expect(200);
    expect(body).toEqual({ runId: id, at: '2026-01-05T09:00:00.000Z', by: 'k2', note: 'registry was down' });
    const again = await http.call('put', pathOf(id)).expect(200);
    expect(again.body).toMatchObject({ by: 'k1', note: null });
  });

  it('is refused for a run that is not over, is another organization’s, or is not there', async () => {
    const { id } = http.runs.addRun({ organizationId: ORGANIZATION, status: 'running' });
    await http.call('put', pathOf(id)).expect(409);
    await http.call('put', pathOf(id), KEYS.other).expect(404);
    await http.call('put', pathOf(NO_ID)).expect(404);
    const { body } = await http.call('put', pathOf(id)).send({ note: '' }).expect(400);
    expect(body).toMatchObject({ errors: [{ path: 'note' }] });
  });
});

it('finds schedules and teams by a part of their name, and a run by its id', async () => {
  const team = await http.call('post', '/api/v1/teams').send(aTeam()).expect(201);
  const { id: teamId } = team.body as { id: string };
  await http.call('post', '/api/v1/schedules').send(aSchedule(teamId)).expect(201);
  const find = async (q: string, key: string = KEYS.member): Promise<unknown> => {
    const { body } = await http.call('get', `/api/v1/search?q=${encodeURIComponent(q)}`, key).expect(200);
    return body as unknown;
  };
  expect(await find('market')).toEqual({ schedules: [], teams: [{ id: teamId, name: 'Marketing team' }], runs: [] });
  expect(await find('REPORT')).toMatchObject({ schedules: [{ name: 'Report' }], teams: [] });
  const { id } = http.runs.addRun({ organizationId: ORGANIZATION, status: 'failed' });
  expect(await find(id.toUpperCase())).toMatchObject({ runs: [{ id, status: 'failed' }] });
  expect(await find(id, KEYS.other)).toEqual({ schedules: [], teams: [], runs: [] });
  await http.call('get', '/api/v1/search?q=').expect(400);
  await http.call('get', '/api/v1/search').expect(400);
});
