import type { HeatmapView, TimelineLane } from '@crewtab/api-contract/timeline-routes';
import { aSchedule, aTeam, ORGANIZATION, startHttp, type HttpFixture } from '../http-fixture';

const API = '/api/v1';
/** The fixture's now is Monday, 2026-01-05, 09:00 UTC. */
const WINDOW = 'from=2026-01-04T00:00:00Z&to=2026-01-07T00:00:00Z';

let http: HttpFixture;
let teamId: string;
beforeAll(async () => (http = await startHttp()));
beforeEach(async () => {
  http.reset();
  teamId = ((await http.call('post', `${API}/teams`).send(aTeam())).body as { id: string }).id;
});
afterAll(() => http.app.close());

const create = async (fields: Readonly<Record<string, unknown>>): Promise<string> =>
  ((await http.call('post', `${API}/schedules`).send(aSchedule(teamId, fields)).expect(201)).body as { id: string }).id;

const lanesOf = async (query = WINDOW): Promise<TimelineLane[]> =>
  ((await http.call('get', `${API}/timeline?${query}`).expect(200)).body as { items: TimelineLane[] }).items;

function runAt(scheduleId: string, instant: string, status: 'success' | 'failed' = 'success') {
  const at = new Date(instant);
  const begun = { startedAt: at, deadlineAt: at, finishedAt: new Date(at.getTime() + 60_000) };
  return http.runs.addRun({
    ...{ organizationId: ORGANIZATION, scheduleId, status, phase: 'finished', scheduledFor: at },
    ...begun,
  });
}

it('has past runs, and what will fire from now on', async () => {
  const id = await create({ name: 'links', cron: '0 12 * * *' });
  const run = runAt(id, '2026-01-04T12:00:00Z');
  const [lane] = await lanesOf();
  expect(lane?.runs?.map((one) => one.id)).toEqual([run.id]);
  expect(lane?.upcoming).toEqual(['2026-01-05T12:00:00.000Z', '2026-01-06T12:00:00.000Z']);
  expect(lane).toMatchObject({ columns: null, isUpcomingCut: false, stats: { n: 1, p50Seconds: 60 }, pauses: [] });
});

it('cuts a crowded lane into columns, before and after now', async () => {
  const id = await create({ name: 'busy', cron: '* * * * *' });
  for (let n = 0; n < 501; n++)
    runAt(id, new Date(Date.UTC(2026, 0, 4, 0, n)).toISOString(), n === 40 ? 'failed' : 'success');
  const [lane] = await lanesOf();
  expect(lane?.runs).toBeNull();
  // 72 hours in 120 columns are 36 minutes each.
  expect(lane?.columns?.[0]).toEqual({
    ...{ from: '2026-01-04T00:00:00.000Z', to: '2026-01-04T00:36:00.000Z', counts: { success: 36 } },
  });
  expect(lane?.columns?.[1]?.counts).toEqual({ success: 35, failed: 1 });
  expect(lane?.isUpcomingCut).toBe(true);
  expect(lane?.upcoming.length).toBeLessThanOrEqual(120);
});

it('marks pauses and changes of the zone, and lets a paused schedule fire nothing', async () => {
  const id = await create({ name: 'paused' });
  await http.call('patch', `${API}/schedules/${id}`).send({ timezone: 'Asia/Tokyo' }).expect(200);
  await http.call('post', `${API}/schedules/${id}/pause`).send({ note: 'why' }).expect(200);
  const [lane] = await lanesOf();
  expect(lane).toMatchObject({
    ...{ upcoming: [], pauses: [{ to: null, note: 'why' }] },
    zoneChanges: [{ from: 'UTC', to: 'Asia/Tokyo' }],
  });
});

it('goes by name, page by page, and finds names', async () => {
  for (const name of ['b links', 'a', 'c links']) await create({ name });
  const first = (await http.call('get', `${API}/timeline?${WINDOW}&limit=2`)).body as { nextCursor: string };
  const rest = await lanesOf(`${WINDOW}&limit=2&cursor=${first.nextCursor}`);
  expect(rest.map(({ schedule }) => schedule.name)).toEqual(['c links']);
  expect((await lanesOf(`${WINDOW}&q=LINKS`)).map(({ schedule }) => schedule.name)).toEqual(['b links', 'c links']);
});

it('refuses spans that end before they begin, or are too long', async () => {
  for (const query of [
    'from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z',
    'from=2026-01-01T00:00:00Z&to=2026-05-01T00:00:00Z',
  ])
    await http.call('get', `${API}/timeline?${query}`).expect(400);
});

it('counts runs by the hours of a week', async () => {
  const id = await create({ name: 'links' });
  runAt(id, '2026-01-04T23:30:00Z', 'failed');
  const { body } = await http.call('get', `${API}/stats/heatmap?zone=Europe/Berlin&days=7`).expect(200);
  expect((body as HeatmapView).cells).toEqual([{ weekday: 1, hour: 0, counts: { failed: 1 } }]);
  await http.call('get', `${API}/stats/heatmap?days=91`).expect(400);
});
