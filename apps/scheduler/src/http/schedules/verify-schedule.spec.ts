import { aSchedule, aTeam, startHttp, type HttpFixture } from '../http-fixture';

let http: HttpFixture;
let processes: HttpFixture;
beforeAll(async () => {
  http = await startHttp();
  processes = await startHttp({ settings: { runtime: 'process' } });
});
afterAll(() => Promise.all([http.app.close(), processes.app.close()]));

async function teamOf(fixture: HttpFixture, agent = {}): Promise<string> {
  const { body } = await fixture.call('post', '/api/v1/teams').send(aTeam(agent)).expect(201);
  return (body as { id: string }).id;
}

async function refusal(fixture: HttpFixture, teamId: string, verify: unknown): Promise<unknown> {
  const { body } = await fixture.call('post', '/api/v1/schedules').send(aSchedule(teamId, { verify })).expect(400);
  return (body as { errors: unknown }).errors;
}

describe('what a schedule asks of the work of its runs', () => {
  const VERIFY = { command: ['npm', 'test'], files: ['out/report.md'], schema: { required: ['title'] } };

  it('is stored, shown, changed and taken away', async () => {
    const teamId = await teamOf(http);
    const made = await http
      .call('post', '/api/v1/schedules')
      .send(aSchedule(teamId, { verify: VERIFY }))
      .expect(201);
    const { id, verify } = made.body as { id: string; verify: unknown };
    expect(verify).toEqual(VERIFY);
    const patch = async (fields: object): Promise<unknown> =>
      ((await http.call('patch', `/api/v1/schedules/${id}`).send(fields).expect(200)).body as { verify: unknown })
        .verify;
    expect(await patch({ name: 'Other' })).toEqual(VERIFY);
    expect(await patch({ verify: { files: ['a'] } })).toEqual({ files: ['a'] });
    expect(await patch({ verify: null })).toBeNull();
  });

  it('is nothing where nothing is said', async () => {
    const { body } = await http
      .call('post', '/api/v1/schedules')
      .send(aSchedule(await teamOf(http)))
      .expect(201);
    expect(body).toMatchObject({ verify: null });
  });

  it.each([
    [{}, 'verify', /must ask for something/],
    [{ files: ['../secret'] }, 'verify.files.0', /inside of the workspace/],
    [{ files: ['/etc/passwd'] }, 'verify.files.0', /inside of the workspace/],
    [{ files: ['.'] }, 'verify.files.0', /inside of the workspace/],
    [{ command: [] }, 'verify.command', /./],
    [{ schema: { broken: true } }, 'verify.schema', /cannot be used: it is broken/],
    [{ schema: { x: 'y'.repeat(70_000) } }, 'verify.schema', /at most 65,536/],
    [{ files: ['a'], shell: 'make' }, 'verify.shell', /./],
  ])('is refused at its field: %j', async (verify, path, message) => {
    const errors = await refusal(http, await teamOf(http), verify);
    expect(errors).toEqual([{ path, message: expect.stringMatching(message) as string }]);
  });

  it('has no command under a runtime that cannot keep it from anything, and files all the same', async () => {
    const teamId = await teamOf(processes, { command: ['agent'] });
    expect(await refusal(processes, teamId, { command: ['make'] })).toEqual([
      { path: 'verify.command', message: expect.stringContaining('under the process runtime') as string },
    ]);
    await processes
      .call('post', '/api/v1/schedules')
      .send(aSchedule(teamId, { verify: { files: ['a'] } }))
      .expect(201);
    const { body } = await processes.call('get', '/api/v1/config').expect(200);
    expect(body).toMatchObject({ runtimeCapabilities: { verifiesByCommand: false } });
  });
});
