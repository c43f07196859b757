import { aTeam, KEYS, ORGANIZATION, startHttp, type HttpFixture } from '../http-fixture';

const SECRETS = '/api/v1/secrets';
const TEAMS = '/api/v1/teams';
const VALUE = 'ghp_0123456789abcdef';
const GIT = `${SECRETS}/github`;

let http: HttpFixture;
beforeAll(async () => (http = await startHttp()));
beforeEach(() => http.reset());
afterAll(() => http.app.close());

const put = (path = GIT, value: unknown = VALUE) => http.call('put', path).send({ value });
const paths = (body: unknown): string[] => (body as { errors: { path: string }[] }).errors.map(({ path }) => path);

describe('PUT /secrets/:name', () => {
  it('makes a secret, and replaces its value, which is in no answer and no log', async () => {
    const made = await put().expect(200);
    expect(made.body).toMatchObject({ name: 'github', useCount: 0, uses: [] });
    await http.clock.advance(1_000);
    const replaced = await put(GIT, 'another value').expect(200);
    const body = replaced.body as { createdAt: string; updatedAt: string };
    expect(body.createdAt).toBe((made.body as typeof body).createdAt);
    expect(body.updatedAt > body.createdAt).toBe(true);
    expect(http.secrets.values.get(`${ORGANIZATION} github`)).toMatchObject({ value: 'another value' });
    const answers = [made, replaced, await http.call('get', GIT), await http.call('get', SECRETS)];
    const told = JSON.stringify([answers.map(({ body: shown }) => shown as unknown), http.logger.entries]);
    expect(told).toContain('secret set');
    expect(told).not.toContain(VALUE);
    expect(told).not.toContain('another value');
  });

  it('leaves the one that is there where it is to be new', async () => {
    const fresh = () => put().set('If-None-Match', '*');
    await fresh().expect(200);
    expect((await fresh().expect(409)).body).toMatchObject({ code: 'conflict' });
    expect(paths((await put().set('If-None-Match', '"1"').expect(400)).body)).toEqual(['if-none-match']);
  });

  it.each([
    ['a name with a blank', `${SECRETS}/a%20b`, VALUE, 'name'],
    ['a name of 64 characters', `${SECRETS}/${'a'.repeat(64)}`, VALUE, 'name'],
    ['a value of 7 characters', GIT, '1234567', 'value'],
    ['a value of 7 characters and blanks', GIT, '  1234567\n', 'value'],
    ['a value with NUL', GIT, '12345678\0', 'value'],
    ['a value that is too long', GIT, 'x'.repeat(32_769), 'value'],
    ['a value that is a number', GIT, 12_345_678, 'value'],
  ])('refuses %s', async (_what, path, value, field) => {
    expect(paths((await put(path, value).expect(400)).body)).toEqual([field]);
    expect(http.secrets.values.size).toBe(0);
  });

  it('is for admins, while members see names', async () => {
    await http.call('put', GIT, KEYS.member).send({ value: VALUE }).expect(403);
    await put().expect(200);
    await http.call('delete', GIT, KEYS.member).expect(403);
    const { body } = await http.call('get', SECRETS, KEYS.member).expect(200);
    expect((body as { items: object[] }).items).toEqual([expect.objectContaining({ name: 'github' })]);
    expect((await http.call('get', SECRETS, KEYS.other)).body).toEqual({ items: [], nextCursor: null });
  });
});

describe('agents that name secrets', () => {
  const files = { name: 'files', command: 'mcp-files', secrets: { TOKEN: 'github' } };
  const tracker = { name: 'tracker', url: 'http://127.0.0.1:9000/mcp', secrets: { Authorization: 'github' } };
  const team = aTeam({ secrets: { GH_TOKEN: 'github' }, mcpServers: [files, tracker] });

  it('are shown with their names, and where the secret is used', async () => {
    await put();
    const made = await http.call('post', TEAMS).send(team).expect(201);
    const { id, agents } = made.body as { id: string; agents: object[] };
    expect(agents[0]).toMatchObject({ secrets: { GH_TOKEN: 'github' }, mcpServers: [files, tracker] });
    const use = (mcpServer: string | null, variable: string) => {
      return { teamId: id, teamName: team.name, agent: 'lead', mcpServer, variable };
    };
    expect((await http.call('get', GIT)).body).toMatchObject({
      useCount: 3,
      uses: [use(null, 'GH_TOKEN'), use('files', 'TOKEN'), use('tracker', 'Authorization')],
    });
    const refused = await http.call('delete', GIT).expect(409);
    expect(refused.body).toMatchObject({ code: 'secret_in_use' });
    expect((refused.body as { detail: string }).detail).toContain('by agent lead of team "Marketing team" (GH_TOKEN)');
    await http.call('patch', `${TEAMS}/${id}`).send({ agents: aTeam().agents }).expect(200);
    await http.call('delete', GIT).expect(204);
    await http.call('delete', GIT).expect(404);
  });

  it('are refused where there is no such secret, at its field, in new teams and in edits', async () => {
    const places = ['secrets.GH_TOKEN', 'mcpServers.0.secrets.TOKEN', 'mcpServers.1.secrets.Authorization'];
    const expected = places.map((place) => `agents.0.${place}`);
    expect(paths((await http.call('post', TEAMS).send(team).expect(400)).body)).toEqual(expected);
    const { body } = await http.call('post', TEAMS).send(aTeam()).expect(201);
    const edit = http.call('patch', `${TEAMS}/${(body as { id: string }).id}`).send({ agents: team.agents });
    expect(paths((await edit.expect(400)).body)).toEqual(expected);
  });

  it.each([
    [
      'a variable that has a value, too',
      { env: { GH_TOKEN: 'x' }, secrets: { GH_TOKEN: 'github' } },
      'secrets.GH_TOKEN',
    ],
    [
      'a variable of a server that has a value, too',
      { mcpServers: [{ ...files, env: { TOKEN: 'x' } }] },
      'mcpServers.0.secrets.TOKEN',
    ],
    ['a name that is none', { secrets: { GH_TOKEN: 'a b' } }, 'secrets.GH_TOKEN'],
    ['a variable that is none', { secrets: { 'GH-TOKEN': 'github' } }, 'secrets.GH-TOKEN'],
    [
      'a header for a program',
      { mcpServers: [{ ...files, secrets: { 'X-Key': 'github' } }] },
      'mcpServers.0.secrets.X-Key',
    ],
    ['a value in place of a name', { secrets: { GH_TOKEN: { isSet: true } } }, 'secrets.GH_TOKEN'],
  ])('are refused with %s', async (_what, agent, field) => {
    await put();
    expect(paths((await http.call('post', TEAMS).send(aTeam(agent)).expect(400)).body)).toEqual([`agents.0.${field}`]);
  });

  it('are refused in an edit where a variable that is kept has a value already', async () => {
    await put();
    const { body } = await http
      .call('post', TEAMS)
      .send(aTeam({ env: { GH_TOKEN: 'x' } }))
      .expect(201);
    const { id } = body as { id: string };
    const { agents } = aTeam({ secrets: { GH_TOKEN: 'github' } });
    const edit = await http.call('patch', `${TEAMS}/${id}`).send({ agents }).expect(400);
    expect(paths(edit.body)).toEqual(['agents.0.secrets.GH_TOKEN']);
    const moved = agents.map((agent) => ({ ...agent, env: { GH_TOKEN: null } }));
    await http.call('patch', `${TEAMS}/${id}`).send({ agents: moved }).expect(200);
  });

  it('give a preset what it needs', async () => {
    const coder = { protocol: undefined, image: undefined, preset: 'coder', model: 'm' };
    await put();
    const withSecrets = (secrets: object) => http.call('post', TEAMS).send(aTeam({ ...coder, secrets }));
    expect(paths((await withSecrets({ OTHER: 'github' }).expect(400)).body)).toEqual(['agents.0.env']);
    await withSecrets({ CODER_KEY: 'github' }).expect(201);
  });
});
