import type { ForecastView, LedgerView, RevisionView } from '@crewtab/api-contract/history-routes';
import type { ProblemView } from '@crewtab/api-contract/problem';
import type { ScheduleView } from '@crewtab/api-contract/schedule-routes';
import { aSchedule, aTeam, KEYS, NO_ID, ORGANIZATION, startHttp, type HttpFixture } from '../http-fixture';

const API = '/api/v1';

let http: HttpFixture;
let schedule: ScheduleView;
beforeAll(async () => (http = await startHttp()));
beforeEach(async () => {
  http.reset();
  const team = await http.call('post', `${API}/teams`).send(aTeam());
  const made = await http.call('post', `${API}/schedules`).send(aSchedule((team.body as { id: string }).id));
  schedule = made.body as ScheduleView;
});
afterAll(() => http.app.close());

const path = (suffix = ''): string => `${API}/schedules/${schedule.id}${suffix}`;

function runOf(minute: number, seconds: number) {
  const at = new Date(Date.UTC(2026, 0, 5, 8, minute));
  return http.runs.addRun({
    ...{ organizationId: ORGANIZATION, scheduleId: schedule.id, status: 'success', phase: 'finished' },
    ...{ scheduledFor: at, startedAt: at, deadlineAt: at, finishedAt: new Date(at.getTime() + seconds * 1_000) },
  });
}

describe('POST /forecast', () => {
  const ask = async (body: object, status = 200) =>
    (await http.call('post', `${API}/forecast`).send(body).expect(status)).body as ForecastView;

  it('says what a draft means, and nothing of what too few runs tell', async () => {
    runOf(1, 60);
    const draft = {
      cron: '*/30 * * * *',
      timezone: 'Europe/Berlin',
      timeout: '10m',
      scheduleId: schedule.id,
      count: 2,
    };
    expect(await ask(draft)).toEqual({
      ...{ description: 'Every 30 minutes', timezone: 'Europe/Berlin' },
      occurrences: ['2026-01-05T09:30:00.000Z', '2026-01-05T10:00:00.000Z'],
      stats: { n: 1, p50Seconds: 60, p95Seconds: 60 },
      expected: null,
      overlap: { probability: null, n: 1 },
      timeout: { near: 0, over: 0, n: 1 },
    });
  });

  it('tells how probable an overlap is, and how many runs came near the timeout', async () => {
    for (const [minute, seconds] of [
      [1, 60],
      [2, 500],
      [3, 60],
      [4, 2_000],
      [5, 60],
    ] as const)
      runOf(minute, seconds);
    const forecast = await ask({ cron: '*/30 * * * *', timeout: '10m', scheduleId: schedule.id });
    expect(forecast.expected).toEqual({ p50Seconds: 60, p95Seconds: 2_000 });
    expect(forecast.overlap).toEqual({ probability: 0.2, n: 5 });
    expect(forecast.timeout).toEqual({ near: 2, over: 1, n: 5 });
  });

  it('names the field that is not valid, and a schedule that is not there', async () => {
    const faulty = (await ask({ cron: '61 * * * *', timezone: 'Mars' }, 400)) as unknown as ProblemView;
    expect(faulty.errors?.map((error) => error.path)).toEqual(['cron', 'timezone']);
    const missing = (await ask({ cron: '@daily', scheduleId: NO_ID }, 404)) as unknown as ProblemView;
    expect(missing.errors).toEqual([{ path: 'scheduleId', message: 'there is no such schedule' }]);
  });
});

describe('revisions', () => {
  it('say who did what; an edit that changes nothing is none', async () => {
    await http.call('patch', path()).send({ timeout: '5m' }).expect(200);
    await http.call('post', path('/pause'), KEYS.member).send({ note: 'on holiday' }).expect(200);
    await http.call('patch', path()).send({ timeout: '5m' }).expect(200);
    const { items } = (await http.call('get', path('/revisions')).expect(200)).body as { items: RevisionView[] };
    expect(items.map(({ revision, kind, changed, note, by }) => [revision, kind, changed, note, by?.keyId])).toEqual([
      [3, 'paused', ['enabled'], 'on holiday', 'k2'],
      [2, 'edited', ['timeout'], null, 'k1'],
      [1, 'created', [], null, 'k1'],
    ]);
    expect(items[2]?.fields).toMatchObject({ timeout: '1h', enabled: true });
    const page = await http.call('get', path('/revisions?limit=1&cursor=3')).expect(200);
    expect(page.body).toMatchObject({ items: [{ revision: 2 }], nextCursor: '2' });
  });
});

describe('PATCH with If-Match', () => {
  it('is done at that revision, which is the beginning of the ETag', async () => {
    const { headers } = await http.call('get', path()).expect(200);
    expect(headers['etag']).toMatch(/^"1-[0-9a-f]{16}"$/);
    const answer = await http.call('patch', path()).set('If-Match', String(headers['etag'])).send({ name: 'One' });
    expect(answer.status).toBe(200);
    expect(answer.headers['etag']).toMatch(/^"2-/);
  });

  it('is refused at another one, with what others changed since, and changes nothing', async () => {
    await http.call('patch', path()).send({ name: 'Theirs', timeout: '5m' }).expect(200);
    await http.call('post', path('/pause')).expect(200);
    const answer = await http.call('patch', path()).set('If-Match', '"1"').send({ prompt: 'Mine.' }).expect(412);
    expect(answer.body).toMatchObject({
      code: 'edited_meanwhile',
      edited: { revision: 3, fields: { name: 'Theirs', timeout: '5m', enabled: false } },
    });
    expect(http.catalog.schedules.get(schedule.id)?.prompt).toBe(schedule.prompt);
  });

  it('tells all fields where the revision is one of the future', async () => {
    const { body } = await http.call('patch', path()).set('If-Match', '"9"').send({ prompt: 'Mine.' }).expect(412);
    expect(Object.keys((body as ProblemView).edited?.fields ?? {})).toContain('catchUpWindow');
  });

  it('refuses what is no ETag of a schedule', async () => {
    await http.call('patch', path()).set('If-Match', 'W/"x"').send({ prompt: 'Mine.' }).expect(400);
  });
});

describe('the ledger', () => {
  it('has instants with reasons, and the pauses between them', async () => {
    const [at, from] = [new Date('2026-01-05T09:00:00Z'), new Date('2026-01-05T08:00:00Z')];
    const blocker = runOf(1, 60);
    const seed = {
      organizationId: ORGANIZATION,
      scheduleId: schedule.id,
      phase: 'finished',
      scheduledFor: at,
    } as const;
    const skipped = { code: 'overlap_skipped', message: 'busy', runId: blocker.id } as const;
    http.runs.addRun({ ...seed, status: 'skipped', notRunReason: skipped });
    http.runs.addRun({ ...seed, status: 'missed', notRunReason: { code: 'missed', message: 'gone', from, to: at } });
    await http.call('post', path('/pause')).send({ note: 'why' }).expect(200);
    const ledger = (await http.call('get', path('/ledger')).expect(200)).body as LedgerView;
    const missed = ledger.items.find(({ run }) => run.status === 'missed');
    expect(missed).toMatchObject({ lagMs: null, reason: { from: from.toISOString() }, otherwise: { policy: 'all' } });
    expect(ledger.items.find(({ run }) => run.status === 'skipped')).toMatchObject({
      reason: { code: 'overlap_skipped', runId: blocker.id },
      otherwise: { policy: 'allow', runId: blocker.id },
    });
    expect(ledger.items.find(({ run }) => run.id === blocker.id)).toMatchObject({ lagMs: 0, reason: null });
    expect(ledger.pauses).toMatchObject([{ to: null, note: 'why', instants: [], hasMore: false }]);
    await http.call('get', `${API}/schedules/${NO_ID}/ledger`).expect(404);
  });
});
