import { aSchedule, aTeam, startHttp, type HttpFixture } from '../http-fixture';

const HOUR_MS = 3_600_000;

let http: HttpFixture;
beforeAll(async () => {
  http = await startHttp();
});
afterAll(() => http.app.close());
beforeEach(() => http.reset());

/** A schedule with an instant that has come and has no row yet. */
async function makeDue(): Promise<string> {
  const team = await http.call('post', '/api/v1/teams').send(aTeam());
  const { id: teamId } = team.body as { id: string };
  const created = await http.call('post', '/api/v1/schedules').send(aSchedule(teamId, { cron: '0 * * * *' }));
  await http.clock.advance(HOUR_MS);
  return (created.body as { id: string }).id;
}

describe('a schedule that is due', () => {
  it.each([
    ['a new cron', 'patch', '', { cron: '30 * * * *' }, false, 200],
    ['a new time zone', 'patch', '', { timezone: 'Asia/Tokyo' }, false, 200],
    ['a pause by edit', 'patch', '', { enabled: false }, true, 200],
    ['a pause', 'post', '/pause', {}, true, 200],
    ['a deletion', 'delete', '', undefined, true, 204],
  ] as const)('has its instant recorded before %s', async (_what, method, path, body, isEnding, status) => {
    const id = await makeDue();
    const answer = await http.call(method, `/api/v1/schedules/${id}${path}`).send(body);
    expect(answer.status).toBe(status);
    expect(http.recorded).toEqual([{ scheduleId: id, isEnding }]);
  });

  it('is not touched by an edit of anything else', async () => {
    const id = await makeDue();
    const answer = await http.call('patch', `/api/v1/schedules/${id}`).send({ name: 'Another', prompt: 'Another.' });
    expect(answer.status).toBe(200);
    expect(http.recorded).toEqual([]);
  });

  it('says so, instead of losing anything, when its backlog takes too long for a request', async () => {
    const slow = await startHttp({
      deps: {
        fireBeforeEdit: () => {
          slow.clock.advanceSync(4_000);
          return Promise.resolve(false);
        },
      },
    });
    try {
      const team = await slow.call('post', '/api/v1/teams').send(aTeam());
      const { id: teamId } = team.body as { id: string };
      const created = await slow.call('post', '/api/v1/schedules').send(aSchedule(teamId, { cron: '0 * * * *' }));
      await slow.clock.advance(HOUR_MS);
      const answer = await slow.call('post', `/api/v1/schedules/${(created.body as { id: string }).id}/pause`).send({});
      expect(answer.status).toBe(409);
      expect(answer.body).toMatchObject({ code: 'conflict', detail: expect.stringContaining('try again') as string });
    } finally {
      await slow.app.close();
    }
  });

  it('shows its fault, or none', async () => {
    const id = await makeDue();
    const read = async (): Promise<unknown> =>
      ((await http.call('get', `/api/v1/schedules/${id}`)).body as { fault: unknown }).fault;
    expect(await read()).toBeNull();
    const stored = http.catalog.schedules.get(id);
    if (!stored) throw new Error('no schedule');
    const since = new Date('2026-01-05T10:00:00.000Z');
    http.catalog.schedules.set(id, { ...stored, fault: { message: 'the cron cannot be read', since } });
    expect(await read()).toEqual({ message: 'the cron cannot be read', since: since.toISOString() });
  });
});
