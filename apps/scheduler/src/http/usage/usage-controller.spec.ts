import type { UsageGroup, UsageSum } from '@crewtab/domain/ports/usage-store';
import { KEYS, NO_ID, ORGANIZATION, OTHER_ORGANIZATION, startHttp, type HttpFixture } from '../http-fixture';

const USAGE = '/api/v1/usage';

let http: HttpFixture;
beforeAll(async () => {
  http = await startHttp();
});
afterAll(() => http.app.close());
beforeEach(() => {
  http.usage.asked.length = 0;
  http.usage.report = {};
});

const sum: UsageSum = {
  ...{ runs: 31, inputTokens: 1_000, outputTokens: 20, costs: [{ amount: 3.12, currency: 'USD' }] },
  ...{ unknown: { tokens: 0, cost: 4 }, incomplete: { tokens: 2, cost: 0 } },
};
const group: UsageGroup = {
  ...{ id: NO_ID, name: 'Report', preset: null, model: null, total: sum },
  days: new Map([[1, sum]]),
};

it('answers sums by day and group, days without a run with them', async () => {
  http.usage.report = {
    total: sum,
    days: new Map([[1, sum]]),
    groups: [group],
    others: { groups: 2, total: { ...sum, runs: 3 } },
  };
  const query = 'from=2026-01-03T23:00:00Z&to=2026-01-05T23:00:00Z&zone=Europe/Berlin&limit=1';
  const { body } = await http.call('get', `${USAGE}?${query}`, KEYS.member).expect(200);
  expect(body).toMatchObject({
    ...{ from: '2026-01-03T23:00:00.000Z', to: '2026-01-05T23:00:00.000Z', zone: 'Europe/Berlin', by: 'schedule' },
    total: {
      runs: 31,
      unknown: { tokens: 0, cost: 4 },
      incomplete: { tokens: 2 },
      costs: [{ amount: 3.12, currency: 'USD' }],
    },
    days: [
      { date: '2026-01-04', from: '2026-01-03T23:00:00.000Z', runs: 0, inputTokens: null, costs: [] },
      { date: '2026-01-05', to: '2026-01-05T23:00:00.000Z', runs: 31, inputTokens: 1_000 },
    ],
    groups: [{ id: NO_ID, name: 'Report', runs: 31, days: [{ date: '2026-01-05', runs: 31 }] }],
    others: { groups: 2, runs: 3 },
  });
});

it('asks for 30 days of the zone up to now, of the caller’s organization, unless told otherwise', async () => {
  await http.call('get', `${USAGE}?by=model`, KEYS.other).expect(200);
  const [asked] = http.usage.asked;
  expect(asked).toMatchObject({ organizationId: OTHER_ORGANIZATION, request: { by: 'model', limit: 20 } });
  expect(asked?.request.days).toHaveLength(30);
  expect(asked?.request.days[0]).toEqual({
    date: '2025-12-07',
    from: new Date('2025-12-07T00:00:00Z'),
    to: new Date('2025-12-08T00:00:00Z'),
  });
  expect(asked?.request.days.at(-1)?.to).toEqual(http.clock.now());
  await http.call('get', USAGE).expect(200);
  expect(http.usage.asked[1]?.organizationId).toBe(ORGANIZATION);
});

it.each([
  ['from=yesterday&to=2026-01-05T00:00:00Z', 'from'],
  ['from=2026-01-05T00:00:00Z', 'to'],
  ['to=2026-01-05T00:00:00Z', 'from'],
  ['from=2026-01-05T00:00:00Z&to=2026-01-05T00:00:00Z', 'to'],
  ['from=2026-01-05T00:00:00Z&to=2026-04-08T00:00:00Z', 'to'],
  ['zone=Mars/Olympus', 'zone'],
  ['by=colour', 'by'],
  ['limit=0', 'limit'],
  ['limit=101', 'limit'],
  ['since=2026-01-05T00:00:00Z', 'since'],
])('refuses ?%s at its field', async (query, path) => {
  const { body } = await http.call('get', `${USAGE}?${query}`).expect(400);
  expect((body as { errors: { path: string }[] }).errors.map((error) => error.path)).toEqual([path]);
  expect(http.usage.asked).toEqual([]);
});
