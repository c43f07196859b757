import { aSchedule, aTeam, KEYS, NO_ID, ORGANIZATION, startHttp, type HttpFixture } from '../http-fixture';

const TEAMS = '/api/v1/teams';

let http: HttpFixture;
beforeAll(async () => (http = await startHttp()));
beforeEach(() => http.reset());
afterAll(() => http.app.close());

const stored = {
  name: 'Stored',
  description: null,
  agents: [{ name: 'lead', role: 'leader', protocol: 'acp', image: 'x' }],
} as const;

interface Refusal {
  readonly code: string;
  readonly errors: readonly { readonly path: string; readonly message: string }[];
}

const FILES = { name: 'files', command: 'mcp-files', args: ['--all'] };
const RULES = { default: 'deny', rules: [{ kind: 'execute', command: 'git *', allow: true }] };
const mcp = (server: Readonly<Record<string, unknown>>) => aTeam({ mcpServers: [{ ...FILES, ...server }] });

const remote = (server: Readonly<Record<string, unknown>>) => aTeam({ mcpServers: [{ name: 'tracker', ...server }] });

const paths = (body: unknown): string[] => (body as Refusal).errors.map((error) => error.path);

describe('POST /teams', () => {
  it('stores a team with everything that an agent can have', async () => {
    const team = {
      name: 'Marketing team',
      description: 'Writes reports',
      network: { mode: 'allowlist', hosts: ['api.example.com', '*.github.com', 'registry.example.org:5000', '*'] },
      agents: [
        {
          name: 'lead',
          role: 'leader',
          protocol: 'acp',
          image: 'registry.example:5000/agents/lead:1@sha256:abc',
          command: ['agent', '--verbose', ''],
          env: { TOKEN: 'geheim', _x1: '' },
          instructions: 'Be brief.\nBe kind.',
          mode: 'default',
          permissions: 'deny',
          resources: { cpus: 0.5, memory: '512m', pids: 128 },
        },
        { name: 'a', role: 'worker', protocol: 'command', image: 'busybox' },
      ],
    };
    const answer = await http.call('post', TEAMS).send(team).expect(201);
    const [lead, ...others] = team.agents;
    const shown = { ...lead, env: { TOKEN: { isSet: true }, _x1: { isSet: true } } };
    expect(answer.body).toMatchObject({ ...team, agents: [shown, ...others] });
    expect(answer.headers.location).toBe(`${TEAMS}/${(answer.body as { id: string }).id}`);
    expect((await http.call('get', answer.headers.location ?? '')).body).toEqual(answer.body);
  });

  it('fills in what may be left out', async () => {
    const answer = await http.call('post', TEAMS).send(aTeam()).expect(201);
    expect(answer.body).toMatchObject({ description: null, network: { mode: 'allowlist', hosts: [] } });
  });

  it('takes "none" as version 0.1 wrote it', async () => {
    const answer = await http
      .call('post', TEAMS)
      .send({ ...aTeam(), network: 'none' })
      .expect(201);
    expect(answer.body).toMatchObject({ network: { mode: 'none', hosts: [] } });
  });

  it('takes how an agent behaves, and shows it as it was given', async () => {
    const conduct = { authMethod: 'key', handshakeTimeout: '5m', idleTimeout: '1h30m', permissions: RULES };
    const made = await http.call('post', TEAMS).send(aTeam(conduct)).expect(201);
    const { id, agents } = made.body as { id: string; agents: object[] };
    expect(agents[0]).toMatchObject(conduct);
    const patched = await http.call('patch', `${TEAMS}/${id}`).send({ agents }).expect(200);
    expect((patched.body as { agents: object[] }).agents).toEqual(agents);
    expect(http.catalog.teams.get(id)?.agents[0]).toMatchObject({
      handshakeTimeoutMs: 300_000,
      idleTimeoutMs: 5_400_000,
      permissions: 'deny',
      permissionRules: RULES.rules,
    });
  });

  describe('with a workspace', () => {
    const workspace = { files: { 'notes/style.md': 'Short.\n', 'a b.txt': '' } };
    const refused = async (files: object): Promise<unknown> =>
      (
        await http
          .call('post', TEAMS)
          .send({ ...aTeam(), workspace: { files } })
          .expect(400)
      ).body;

    it('has its files, keeps them in an edit of something else, and loses them by null', async () => {
      const made = await http
        .call('post', TEAMS)
        .send({ ...aTeam(), workspace })
        .expect(201);
      const path = `${TEAMS}/${(made.body as { id: string }).id}`;
      expect(made.body).toMatchObject({ workspace });
      expect((await http.call('patch', path).send({ name: 'x' }).expect(200)).body).toMatchObject({ workspace });
      const emptied = await http.call('patch', path).send({ workspace: null }).expect(200);
      expect(emptied.body).toMatchObject({ workspace: null });
      expect((await http.call('post', TEAMS).send(aTeam()).expect(201)).body).toMatchObject({ workspace: null });
    });

    it('tells every path that leads out of it, or that cannot be, at its field', async () => {
      for (const path of ['', '/etc/passwd', '../x', 'a/../b', './a', 'a//b', 'a/', '.git/config', 'sub/.GIT/hooks/x'])
        expect(paths(await refused({ [path]: 'x' }))).toEqual([`workspace.files.${path}`]);
      expect(paths(await refused({ a: 'x', 'a/b': 'y' }))).toEqual(['workspace.files.a']);
      expect(paths(await refused({ a: 1 }))).toEqual(['workspace.files.a']);
      expect(paths(await refused({ a: 'x\0y' }))).toEqual(['workspace.files.a']);
    });

    it('has a limit for their number, and one for what they come to', async () => {
      const many = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`f${index}`, '']));
      expect(paths(await refused(many))).toEqual(['workspace.files']);
      const half = 'ä'.repeat(65_537);
      expect(paths(await refused({ a: half, b: half }))).toEqual(['workspace.files']);
    });

    it('is kept between the runs of schedules whose runs do not overlap', async () => {
      const persist = { workspace: { persist: true } };
      const { body: team } = await http.call('post', TEAMS).send(aTeam()).expect(201);
      const { id: teamId } = team as { id: string };
      const fields = { teamId, name: 'Nightly', prompt: 'go', cron: '@daily' };
      const schedules = '/api/v1/schedules';
      const { body: schedule } = await http.call('post', schedules).send(fields).expect(201);
      const refused = await http.call('patch', `${TEAMS}/${teamId}`).send(persist).expect(400);
      expect(refused.body).toMatchObject({
        errors: [{ path: 'workspace.persist', message: expect.stringContaining('"Nightly"') as string }],
      });
      const one = `${schedules}/${(schedule as { id: string }).id}`;
      await http.call('patch', one).send({ overlap: 'queue' }).expect(200);
      await http.call('patch', `${TEAMS}/${teamId}`).send(persist).expect(200);
      for (const call of [
        http.call('patch', one).send({ overlap: 'allow' }),
        http.call('post', schedules).send(fields),
      ])
        expect(paths((await call.expect(400)).body)).toEqual(['overlap']);
      await http.call('patch', one).send({ name: 'Daily' }).expect(200);
      await http.call('post', `${one}/workspace/reset`).expect(204);
      await http.call('post', `${schedules}/${teamId}/workspace/reset`).expect(404);
      const bare = await startHttp({ settings: { runtime: 'process' } });
      try {
        const given = { ...aTeam({ image: undefined, command: ['true'] }), ...persist };
        expect(paths((await bare.call('post', TEAMS).send(given).expect(400)).body)).toEqual(['workspace.persist']);
      } finally {
        await bare.app.close();
      }
    });

    describe('of a repository', () => {
      const withGit = (git: object) => http.call('post', TEAMS).send({ ...aTeam(), workspace: { git } });
      const url = 'https://git.example.com:8443/team/site.git';

      it('is taken with a secret that is there, and keeps it from being deleted', async () => {
        const git = { url, ref: 'release/1.x', depth: 1, secret: 'github', username: 'bot' };
        expect((await withGit(git).expect(400)).body).toMatchObject({
          errors: [{ path: 'workspace.git.secret', message: 'there is no secret "github"' }],
        });
        await http.call('put', '/api/v1/secrets/github').send({ value: 'a-token-0123456789' }).expect(200);
        const { body } = await withGit(git).expect(201);
        expect(body).toMatchObject({ workspace: { git } });
        const uses = [{ teamId: (body as { id: string }).id, agent: null, mcpServer: null, variable: 'git' }];
        expect((await http.call('get', '/api/v1/secrets/github')).body).toMatchObject({ useCount: 1, uses });
        await http.call('delete', '/api/v1/secrets/github').expect(409);
      });

      it('is told what is wrong with it, at its field', async () => {
        const faulty: [object, string[]][] = [
          [{}, ['workspace.git.url']],
          ...[
            'git@github.com:a/b.git',
            'ssh://git.example/a',
            'file:///etc',
            'ext::sh -c id',
            'https://me:pw@git.example/a',
            'https://git.example/a?x=1',
            'https://git.example/a b',
            'https://',
          ].map((given): [object, string[]] => [{ url: given }, ['workspace.git.url']]),
          ...['--upload-pack=x', 'a..b', 'a b', 'refs/*', 'x.lock', '/a', 'a@{1}', 'a:b', 'a/'].map(
            (ref): [object, string[]] => [{ url, ref }, ['workspace.git.ref']],
          ),
          [{ url, depth: 0 }, ['workspace.git.depth']],
          [{ url, username: 'me' }, ['workspace.git.username']],
          [{ url, push: { branch: 'work' } }, ['workspace.git.push']],
          [{ url, secret: 'git', push: {} }, ['workspace.git.push.branch']],
          [{ url, secret: 'git', push: { branch: '-x' } }, ['workspace.git.push.branch']],
          [{ url, diff: 'yes' }, ['workspace.git.diff']],
          [{ url, secret: 'no name' }, ['workspace.git.secret']],
        ];
        for (const [git, expected] of faulty) expect(paths((await withGit(git).expect(400)).body)).toEqual(expected);
      });

      it('is refused where agents could reach the credentials', async () => {
        const bare = await startHttp({ settings: { runtime: 'process' } });
        try {
          const team = { ...aTeam({ image: undefined, command: ['true'] }), workspace: { git: { url } } };
          expect(paths((await bare.call('post', TEAMS).send(team).expect(400)).body)).toEqual(['workspace.git']);
        } finally {
          await bare.app.close();
        }
      });
    });

    it('is taken under the kubernetes runtime, but for a repository', async () => {
      const cluster = await startHttp({ settings: { runtime: 'kubernetes' } });
      try {
        const post = (given: object) =>
          cluster.call('post', TEAMS).send({ ...aTeam({ command: ['x'] }), workspace: given });
        await post(workspace).expect(201);
        const git = { url: 'https://git.example/a' };
        expect(paths((await post({ git }).expect(400)).body)).toEqual(['workspace.git']);
      } finally {
        await cluster.app.close();
      }
    });
  });

  describe('with an open network', () => {
    const open = { mode: 'open', hosts: [] };

    it('is taken where the operator allows it, also as version 0.1 wrote it', async () => {
      const lenient = await startHttp({ settings: { isOpenNetworkAllowed: true } });
      try {
        for (const network of [open, { mode: 'open' }, 'egress', 'team']) {
          const answer = await lenient
            .call('post', TEAMS)
            .send({ ...aTeam(), network })
            .expect(201);
          expect(answer.body).toMatchObject({ network: open });
        }
        const { body } = await lenient.call('get', '/api/v1/config').expect(200);
        expect(body).toMatchObject({ networks: ['allowlist', 'none', 'open'] });
      } finally {
        await lenient.app.close();
      }
    });

    it('is all that the process runtime takes, and what it gives to a team that says nothing', async () => {
      const bare = await startHttp({ settings: { runtime: 'process' } });
      const team = aTeam({ image: undefined, command: ['true'] });
      try {
        expect((await bare.call('post', TEAMS).send(team).expect(201)).body).toMatchObject({ network: open });
        for (const network of [{ mode: 'none' }, { mode: 'allowlist', hosts: ['a.example'] }, 'none']) {
          const answer = await bare
            .call('post', TEAMS)
            .send({ ...team, network })
            .expect(400);
          expect(paths(answer.body)).toEqual(['network.mode']);
        }
        expect((await bare.call('get', '/api/v1/config')).body).toMatchObject({ networks: ['open'] });
      } finally {
        await bare.app.close();
      }
    });

    it('stays with a team that has it, is not given to another one, and can be left', async () => {
      const { id } = await http.catalog.createTeam(ORGANIZATION, { ...stored, network: { mode: 'open', hosts: [] } });
      const path = `${TEAMS}/${id}`;
      await http.call('patch', path).send({ network: open, name: 'Renamed' }).expect(200);
      await http
        .call('patch', path)
        .send({ network: { mode: 'none' } })
        .expect(200);
      const refused = await http.call('patch', path).send({ network: open }).expect(400);
      expect(paths(refused.body)).toEqual(['network.mode']);
    });
  });

  const worker = { name: 'w', role: 'worker', protocol: 'acp', image: 'x' };
  const leader = { name: 'lead', role: 'leader', protocol: 'acp', image: 'x' };
  const faults: [string, unknown, string][] = [
    ['no name', { ...aTeam(), name: undefined }, 'name'],
    ['an empty name', { ...aTeam(), name: '' }, 'name'],
    ['a blank name', { ...aTeam(), name: '   ' }, 'name'],
    ['a name of 64 characters', { ...aTeam(), name: 'x'.repeat(64) }, 'name'],
    ['a name of two lines', { ...aTeam(), name: 'a\nb' }, 'name'],
    ['a name that is a number', { ...aTeam(), name: 5 }, 'name'],
    ['NUL in a name', { ...aTeam(), name: 'a\0b' }, 'name'],
    ['half a surrogate pair', { ...aTeam(), description: '\ud800' }, 'description'],
    ['a description of 1,001 characters', { ...aTeam(), description: 'x'.repeat(1_001) }, 'description'],
    ['an unknown network', { ...aTeam(), network: 'host' }, 'network'],
    ['an unknown mode of network', { ...aTeam(), network: { mode: 'host' } }, 'network.mode'],
    ['an open network without leave', { ...aTeam(), network: { mode: 'open' } }, 'network.mode'],
    ['the open network of version 0.1 without leave', { ...aTeam(), network: 'egress' }, 'network.mode'],
    [
      'hosts of a network that is none',
      { ...aTeam(), network: { mode: 'none', hosts: ['a.example'] } },
      'network.hosts',
    ],
    ['a host that is a URL', { ...aTeam(), network: { mode: 'allowlist', hosts: ['https://a'] } }, 'network.hosts.0'],
    [
      '201 hosts',
      { ...aTeam(), network: { mode: 'allowlist', hosts: Array.from({ length: 201 }, (_, at) => `h${at}.example`) } },
      'network.hosts',
    ],
    ['an unknown field', { ...aTeam(), colour: 'red' }, 'colour'],
    ['no agents', { name: 'x' }, 'agents'],
    ['an empty list of agents', { name: 'x', agents: [] }, 'agents'],
    ['agents that are no list', { name: 'x', agents: {} }, 'agents'],
    ['an agent that is null', { name: 'x', agents: [null] }, 'agents.0'],
    [
      '51 agents',
      { name: 'x', agents: [leader, ...Array.from({ length: 50 }, (_, i) => ({ ...worker, name: `w${i}` }))] },
      'agents',
    ],
    ['no leader', { name: 'x', agents: [worker] }, 'agents'],
    ['two leaders', { name: 'x', agents: [leader, { ...leader, name: 'b' }] }, 'agents'],
    ['two agents of one name', { name: 'x', agents: [leader, worker, worker] }, 'agents.2.name'],
    ['an agent without a name', aTeam({ name: undefined }), 'agents.0.name'],
    ['an agent name with capitals', aTeam({ name: 'Lead' }), 'agents.0.name'],
    ['an agent name that ends in a dash', aTeam({ name: 'lead-' }), 'agents.0.name'],
    ['an agent name of 64 characters', aTeam({ name: 'a'.repeat(64) }), 'agents.0.name'],
    ['an unknown role', aTeam({ role: 'boss' }), 'agents.0.role'],
    ['an unknown protocol', aTeam({ protocol: 'telnet' }), 'agents.0.protocol'],
    ['an unknown field of an agent', aTeam({ colour: 'red' }), 'agents.0.colour'],
    ['no image under docker', aTeam({ image: undefined }), 'agents.0.image'],
    ['an empty image', aTeam({ image: '' }), 'agents.0.image'],
    ['an image with a space', aTeam({ image: 'a b' }), 'agents.0.image'],
    ['an empty command', aTeam({ command: [] }), 'agents.0.command'],
    ['a command that is text', aTeam({ command: 'ls' }), 'agents.0.command'],
    ['a command without a program', aTeam({ command: ['', 'x'] }), 'agents.0.command.0'],
    ['a command argument that is a number', aTeam({ command: ['ls', 1] }), 'agents.0.command.1'],
    ['an env name with a dash', aTeam({ env: { 'A-B': 'x' } }), 'agents.0.env.A-B'],
    ['an env name that begins with a digit', aTeam({ env: { '1A': 'x' } }), 'agents.0.env.1A'],
    ['an env value that is a number', aTeam({ env: { A: 1 } }), 'agents.0.env.A'],
    ['NUL in an env value', aTeam({ env: { A: 'x\0' } }), 'agents.0.env.A'],
    ['a value that is to be kept in a new team', aTeam({ env: { A: { isSet: true } } }), 'agents.0.env.A'],
    ['a former name in a new team', aTeam({ previousName: 'x' }), 'agents.0.previousName'],
    ['instructions of 50,001 characters', aTeam({ instructions: 'x'.repeat(50_001) }), 'agents.0.instructions'],
    ['an unknown permission', aTeam({ permissions: 'ask' }), 'agents.0.permissions'],
    ['refusals in a mode without questions', aTeam({ mode: 'yolo', permissions: 'deny' }), 'agents.0.permissions'],
    [
      'rules in a mode without questions',
      aTeam({ mode: 'bypassPermissions', permissions: { default: 'allow', rules: [] } }),
      'agents.0.permissions',
    ],
    ['rules for a plain program', aTeam({ protocol: 'command', permissions: RULES }), 'agents.0.permissions'],
    [
      'a handshake of a plain program',
      aTeam({ protocol: 'command', handshakeTimeout: '5s' }),
      'agents.0.handshakeTimeout',
    ],
    ['an idle timeout of 0', aTeam({ idleTimeout: '0s' }), 'agents.0.idleTimeout'],
    ['an idle timeout without a unit', aTeam({ idleTimeout: '30' }), 'agents.0.idleTimeout'],
    ['no cpus', aTeam({ resources: { cpus: 0 } }), 'agents.0.resources.cpus'],
    ['257 cpus', aTeam({ resources: { cpus: 257 } }), 'agents.0.resources.cpus'],
    ['memory without sense', aTeam({ resources: { memory: 'lots' } }), 'agents.0.resources.memory'],
    ['memory of 5m', aTeam({ resources: { memory: '5m' } }), 'agents.0.resources.memory'],
    ['memory as a number', aTeam({ resources: { memory: 512 } }), 'agents.0.resources.memory'],
    ['no pids', aTeam({ resources: { pids: 0 } }), 'agents.0.resources.pids'],
    ['half a pid', aTeam({ resources: { pids: 1.5 } }), 'agents.0.resources.pids'],
    ['an unknown resource', aTeam({ resources: { gpus: 1 } }), 'agents.0.resources.gpus'],
    ['MCP servers that are no list', aTeam({ mcpServers: {} }), 'agents.0.mcpServers'],
    ['an MCP server without a name', mcp({ name: undefined }), 'agents.0.mcpServers.0.name'],
    ['an MCP server with a name of two words', mcp({ name: 'a b' }), 'agents.0.mcpServers.0.name'],
    ["an MCP server with the name of the team's tools", mcp({ name: 'Crewtab-Team' }), 'agents.0.mcpServers.0.name'],
    ['an MCP server of nothing', mcp({ command: undefined }), 'agents.0.mcpServers.0'],
    ['an MCP server of both kinds', mcp({ url: 'https://a.example' }), 'agents.0.mcpServers.0'],
    ['headers of a program', mcp({ headers: { A: 'x' } }), 'agents.0.mcpServers.0.headers'],
    ['an MCP variable with a dash', mcp({ env: { 'A-B': 'x' } }), 'agents.0.mcpServers.0.env.A-B'],
    [
      'an MCP value that is to be kept in a new team',
      mcp({ env: { A: { isSet: true } } }),
      'agents.0.mcpServers.0.env.A',
    ],
    ['an MCP server at no URL', remote({ url: 'mcp.example.com' }), 'agents.0.mcpServers.0.url'],
    ['a password in its URL', remote({ url: 'https://u:p@a.example' }), 'agents.0.mcpServers.0.url'],
    [
      'a header of two lines',
      remote({ url: 'https://a.example', headers: { A: 'x\r\nB: y' } }),
      'agents.0.mcpServers.0.headers.A',
    ],
    ['two MCP servers of one name', aTeam({ mcpServers: [FILES, FILES] }), 'agents.0.mcpServers.1.name'],
    [
      '21 MCP servers',
      aTeam({ mcpServers: Array.from({ length: 21 }, (_, at) => ({ ...FILES, name: `s${at}` })) }),
      'agents.0.mcpServers',
    ],
    ['MCP servers of a plain program', aTeam({ protocol: 'command', mcpServers: [FILES] }), 'agents.0.mcpServers'],
    [
      'an MCP server at a host that is not listed',
      {
        ...remote({ url: 'https://mcp.example.com' }),
        network: { mode: 'allowlist', hosts: ['a.example'] },
      },
      'agents.0.mcpServers.0.url',
    ],
    ['no object', '[]', ''],
    ['null', 'null', ''],
  ];

  it.each(faults)('refuses %s, with the path, and stores nothing', async (_, body, path) => {
    const answer = await http
      .call('post', TEAMS)
      .set('Content-Type', 'application/json')
      .send(typeof body === 'string' ? body : JSON.stringify(body))
      .expect(400)
      .expect('Content-Type', /application\/problem\+json/);
    expect((answer.body as Refusal).code).toBe('invalid_request');
    expect(paths(answer.body)).toEqual([path]);
    expect(http.catalog.teams.size).toBe(0);
  });

  it('tells all faults at once', async () => {
    const body = {
      name: '',
      colour: 1,
      agents: [
        { ...leader, image: 'a b' },
        { ...leader, name: 'B', env: { '1': 'x', OK: 2 } },
      ],
    };
    const answer = await http.call('post', TEAMS).send(body).expect(400);
    expect(paths(answer.body).sort()).toEqual([
      'agents',
      'agents.0.image',
      'agents.1.env.1',
      'agents.1.env.OK',
      'agents.1.name',
      'colour',
      'name',
    ]);
  });

  it('takes what is exactly at the limits', async () => {
    const body = {
      ...aTeam({
        name: 'a'.repeat(63),
        instructions: '🦀'.repeat(50_000),
        resources: { cpus: 256, memory: '6m', pids: 1 },
      }),
      name: 'x'.repeat(63),
      description: 'x'.repeat(1_000),
    };
    await http.call('post', TEAMS).send(body).expect(201);
  });
});

describe('an agent with a preset', () => {
  const coder = { name: 'lead', role: 'leader', preset: 'coder', env: { CODER_KEY: 'k' } };
  const team = (fields: object) => ({ name: 'Coders', agents: [{ ...coder, ...fields }] });

  it('needs neither image nor protocol, and is shown as it was given', async () => {
    const { body } = await http
      .call('post', TEAMS)
      .send(team({ model: 'big' }))
      .expect(201);
    const shown = { ...coder, protocol: 'acp', model: 'big', env: { CODER_KEY: { isSet: true } } };
    expect(body).toMatchObject({ agents: [shown] });
    expect((body as { agents: object[] }).agents[0]).not.toHaveProperty('image');
  });

  it.each([
    ['a preset that is not there', { preset: 'nope' }, 'agents.0.preset'],
    ['a preset that is no text', { preset: 5 }, 'agents.0.preset'],
    ['no key', { env: undefined }, 'agents.0.env'],
    ['another variable than the key', { env: { OTHER: '1' } }, 'agents.0.env'],
    ['another protocol', { protocol: 'command' }, 'agents.0.protocol'],
    ['a model without a preset', { preset: undefined, protocol: 'acp', image: 'x', model: 'big' }, 'agents.0.model'],
    ['neither preset nor protocol', { preset: undefined, image: 'x' }, 'agents.0.protocol'],
  ])('is refused with %s, and nothing is stored', async (_, fields, path) => {
    const { body } = await http.call('post', TEAMS).send(team(fields)).expect(400);
    expect(paths(body)).toEqual([path]);
    expect(http.catalog.teams.size).toBe(0);
  });

  it('says which variables it needs, and which presets there are', async () => {
    const bare = await http
      .call('post', TEAMS)
      .send(team({ env: {} }))
      .expect(400);
    expect((bare.body as Refusal).errors[0]?.message).toContain('CODER_KEY or CODER_TOKEN');
    const unknown = await http
      .call('post', TEAMS)
      .send(team({ preset: 'nope' }))
      .expect(400);
    expect((unknown.body as Refusal).errors[0]?.message).toContain('coder, claude-code');
  });

  it('has a network, since it could not reach its API without', async () => {
    const network = { mode: 'none' };
    const refused = await http
      .call('post', TEAMS)
      .send({ ...team({}), network })
      .expect(400);
    const errors = [
      { path: 'agents.0.preset', message: expect.stringContaining('must reach api.example.com') as string },
    ];
    expect((refused.body as Refusal).errors).toEqual(errors);
    const { id } = (await http.call('post', TEAMS).send(team({})).expect(201)).body as { id: string };
    const edit = (fields: object) => http.call('patch', `${TEAMS}/${id}`).send(fields);
    expect((await edit({ network }).expect(400)).body).toMatchObject({ errors });
    expect((await edit({ ...team({ env: undefined }), network }).expect(400)).body).toMatchObject({ errors });
    await edit({ ...team({ preset: undefined, protocol: 'acp', image: 'x' }), network }).expect(200);
  });

  it('keeps its key in an edit, and cannot lose it', async () => {
    const { id } = (await http.call('post', TEAMS).send(team({})).expect(201)).body as { id: string };
    const edit = (fields: object) => http.call('patch', `${TEAMS}/${id}`).send(team(fields));
    await edit({ env: undefined, model: 'small' }).expect(200);
    await edit({ env: { CODER_KEY: { isSet: true } } }).expect(200);
    expect(paths((await edit({ env: { CODER_KEY: null } }).expect(400)).body)).toEqual(['agents.0.env']);
  });

  it('runs the command of its preset under the process runtime, unless only one command may run', async () => {
    const free = await startHttp({ settings: { runtime: 'process' } });
    await free.call('post', TEAMS).send(team({})).expect(201);
    await free.app.close();
    const bound = await startHttp({ settings: { runtime: 'process', onlyCommand: ['demo'] } });
    expect(paths((await bound.call('post', TEAMS).send(team({})).expect(400)).body)).toEqual(['agents.0.preset']);
    await bound.app.close();
  });

  it('needs an image of a registry under the kubernetes runtime, which makes none', async () => {
    const cluster = await startHttp({ settings: { runtime: 'kubernetes', isOpenNetworkAllowed: true } });
    try {
      const answer = await cluster.call('post', TEAMS).send(team({})).expect(400);
      expect(paths(answer.body)).toEqual(['agents.0.preset']);
      const own = { ...team({ image: 'registry.example/coder:1' }), network: { mode: 'open' } };
      await cluster.call('post', TEAMS).send(own).expect(201);
    } finally {
      await cluster.app.close();
    }
  });
});

describe('POST /teams/:id/try', () => {
  const make = async (): Promise<string> =>
    ((await http.call('post', TEAMS).send(aTeam()).expect(201)).body as { id: string }).id;

  it('starts a run of the team without a schedule, and wakes a worker', async () => {
    const id = await make();
    const { body } = await http
      .call('post', `${TEAMS}/${id}/try`)
      .send({ prompt: 'Hello.', timeout: '5m' })
      .expect(202);
    expect(body).toMatchObject({ scheduleId: null, teamId: id, trigger: 'manual', prompt: 'Hello.', timeout: '5m' });
    expect(http.queue.offered).toEqual([(body as { id: string }).id]);
    const listed = await http.call('get', '/api/v1/runs').expect(200);
    expect(listed.body).toMatchObject({ items: [{ scheduleId: null, teamName: 'Marketing team' }] });
  });

  it('has the default timeout, and is answered again under the same key', async () => {
    const id = await make();
    const ask = () => http.call('post', `${TEAMS}/${id}/try`).set('Idempotency-Key', 'k').send({ prompt: 'Hello.' });
    const first = (await ask().expect(202)).body as { timeout: string };
    expect(first.timeout).toBe('1h');
    expect((await ask().expect(202)).body).toEqual(first);
    expect(http.runs.runs.size).toBe(1);
  });

  it.each([
    ['no prompt', {}, 'prompt'],
    ['a blank prompt', { prompt: ' ' }, 'prompt'],
    ['a timeout beyond the most', { prompt: 'x', timeout: '25h' }, 'timeout'],
    ['a schedule', { prompt: 'x', scheduleId: NO_ID }, 'scheduleId'],
  ])('refuses %s', async (_, body, path) => {
    const answer = await http
      .call('post', `${TEAMS}/${await make()}/try`)
      .send(body)
      .expect(400);
    expect(paths(answer.body)).toEqual([path]);
    expect(http.runs.runs.size).toBe(0);
  });

  it('knows no team of another organization', async () => {
    const id = await make();
    await http.call('post', `${TEAMS}/${id}/try`, KEYS.other).send({ prompt: 'x' }).expect(404);
    await http.call('post', `${TEAMS}/${NO_ID}/try`).send({ prompt: 'x' }).expect(404);
  });
});

describe('under the process runtime', () => {
  it('needs a command and no image', async () => {
    const process = await startHttp({ settings: { runtime: 'process' } });
    const refused = await process.call('post', TEAMS).send(aTeam()).expect(400);
    expect(paths(refused.body)).toEqual(['agents.0.command']);
    await process
      .call('post', TEAMS)
      .send(aTeam({ image: undefined, command: ['node', 'agent.js'] }))
      .expect(201);
    await process.app.close();
  });
});

describe('limits that a runtime does not keep', () => {
  it.each([
    ['process', ['cpus', 'memory', 'pids']],
    ['kubernetes', ['pids']],
  ] as const)('are refused under the %s runtime, in a new team and in a change', async (runtime, refused) => {
    const http = await startHttp({ settings: { runtime } });
    const fields = { image: 'agent:1', command: ['node', 'agent.js'] };
    const resources = { cpus: 1, memory: '512m', pids: 64 };
    const expected = refused.map((name) => `agents.0.resources.${name}`);
    const answer = await http
      .call('post', TEAMS)
      .send(aTeam({ ...fields, resources }))
      .expect(400);
    expect(paths(answer.body)).toEqual(expected);
    const made = await http.call('post', TEAMS).send(aTeam(fields)).expect(201);
    const { id } = made.body as { id: string };
    const { agents } = aTeam({ ...fields, resources });
    const changed = await http.call('patch', `${TEAMS}/${id}`).send({ agents }).expect(400);
    expect(paths(changed.body)).toEqual(expected);
    await http.app.close();
  });
});

describe('an agent that asks for more than the operator allows', () => {
  const agentPolicy = {
    memoryBytes: 1024 ** 3,
    cpus: 2,
    pids: 512,
    images: ['agent', 'ghcr.io/acme/*'],
    needsDigest: false,
  };
  const refusals: [string, Readonly<Record<string, unknown>>, string[]][] = [
    ['4t of memory', { resources: { memory: '4t' } }, ['agents.0.resources.memory']],
    ['256 CPUs', { resources: { cpus: 256 } }, ['agents.0.resources.cpus']],
    ['4,000,000 processes', { resources: { pids: 4_000_000 } }, ['agents.0.resources.pids']],
    ['an image of any registry', { image: 'evil.example/agent' }, ['agents.0.image']],
    [
      'all at once',
      { image: 'x', resources: { cpus: 3, pids: 513 } },
      ['agents.0.resources.cpus', 'agents.0.resources.pids', 'agents.0.image'],
    ],
    [
      'what has not even the form',
      { image: 'a b', resources: { cpus: 'x' } },
      ['agents.0.image', 'agents.0.resources.cpus'],
    ],
  ];
  let strict: HttpFixture;
  beforeAll(async () => (strict = await startHttp({ settings: { agentPolicy } })));
  afterAll(() => strict.app.close());

  it.each(refusals)('is refused at the field: %s', async (_, fields, expected) => {
    const created = await strict.call('post', TEAMS).send(aTeam(fields)).expect(400);
    expect(paths(created.body)).toEqual(expected);
    expect(strict.catalog.teams.size).toBe(0);
    const allowed = await strict.call('post', TEAMS).send(aTeam({ resources: { memory: '1g', cpus: 2, pids: 512 } }));
    const { id } = allowed.body as { id: string };
    const patched = await strict
      .call('patch', `${TEAMS}/${id}`)
      .send({ agents: aTeam(fields).agents })
      .expect(400);
    expect(paths(patched.body)).toEqual(expected);
    await strict.call('delete', `${TEAMS}/${id}`).expect(204);
  });

  it('finds the ceilings in the configuration', async () => {
    expect((await strict.call('get', '/api/v1/config').expect(200)).body).toMatchObject({
      limits: { maxCpus: 2, maxMemoryBytes: 1024 ** 3, maxPids: 512 },
      agentImages: { patterns: ['agent', 'ghcr.io/acme/*'], needsDigest: false },
    });
  });
});

describe('GET /teams', () => {
  it('pages newest first', async () => {
    for (const name of ['one', 'two', 'three']) await http.call('post', TEAMS).send({ ...aTeam(), name });
    const first = (await http.call('get', `${TEAMS}?limit=2`).expect(200)).body as {
      items: { name: string }[];
      nextCursor: string;
    };
    expect(first.items.map((team) => team.name)).toEqual(['three', 'two']);
    const second = await http.call('get', `${TEAMS}?limit=2&cursor=${first.nextCursor}`).expect(200);
    expect(second.body).toMatchObject({ items: [{ name: 'one' }], nextCursor: null });
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['cursor=', 'cursor'],
    ['cursor=%00', 'cursor'],
    ['page=2', 'page'],
  ])('refuses ?%s', async (query, path) => {
    expect(paths((await http.call('get', `${TEAMS}?${query}`).expect(400)).body)).toEqual([path]);
  });
});

describe('one team', () => {
  let id: string;
  beforeEach(async () => (id = ((await http.call('post', TEAMS).send(aTeam())).body as { id: string }).id));

  it('changes only the fields that are given', async () => {
    const answer = await http.call('patch', `${TEAMS}/${id}`).send({ description: 'new' }).expect(200);
    expect(answer.body).toMatchObject({ ...aTeam(), description: 'new' });
    expect((await http.call('patch', `${TEAMS}/${id}`).send({ description: null }).expect(200)).body).toMatchObject({
      description: null,
    });
    expect((await http.call('patch', `${TEAMS}/${id}`).send({}).expect(200)).body).toMatchObject(aTeam());
  });

  it.each([
    [{ name: null }, 'name'],
    [{ agents: [] }, 'agents'],
    [{ id: 'x' }, 'id'],
    [{ agents: [{ name: 'w', role: 'worker', protocol: 'acp', image: 'x' }] }, 'agents'],
  ])('refuses the change %j and keeps what was', async (patch, path) => {
    expect(paths((await http.call('patch', `${TEAMS}/${id}`).send(patch).expect(400)).body)).toContain(path);
    expect((await http.call('get', `${TEAMS}/${id}`)).body).toMatchObject(aTeam());
  });

  it('cannot be deleted while a schedule uses it', async () => {
    const schedule = await http.call('post', '/api/v1/schedules').send(aSchedule(id)).expect(201);
    expect((await http.call('delete', `${TEAMS}/${id}`).expect(409)).body).toMatchObject({ code: 'team_in_use' });
    await http.call('delete', `/api/v1/schedules/${(schedule.body as { id: string }).id}`).expect(204);
    await http.call('delete', `${TEAMS}/${id}`).expect(204);
    await http.call('delete', `${TEAMS}/${id}`).expect(404);
  });

  it.each(['get', 'patch', 'delete'] as const)(
    'is not there for %s by another organization, nor is an id that never was',
    async (method) => {
      for (const [path, key] of [
        [id, KEYS.other],
        [NO_ID, KEYS.admin],
        ['17', KEYS.admin],
        ['%00', KEYS.admin],
      ] as const) {
        const answer = await http
          .call(method, `${TEAMS}/${path}`, key)
          .send(method === 'patch' ? { description: 'mine' } : undefined)
          .expect(404);
        expect(answer.body).toMatchObject({ status: 404, code: 'not_found' });
      }
      expect((await http.call('get', `${TEAMS}/${id}`)).body).toMatchObject({ description: null });
    },
  );
});

describe("a member's key reads no value of env", () => {
  const SECRET = 'sk-streng-geheim';
  const lead = {
    name: 'lead',
    role: 'leader',
    protocol: 'acp',
    image: 'x',
    env: { TOKEN: SECRET, REGION: SECRET, EMPTY: '' },
  };
  const writer = { name: 'writer', role: 'worker', protocol: 'acp', image: 'x', env: { KEY: SECRET } };
  const shown = (...names: string[]) => Object.fromEntries(names.map((name) => [name, { isSet: true }]));
  interface ShownTeam {
    readonly id: string;
    readonly agents: readonly Readonly<Record<string, unknown>>[];
  }
  let team: ShownTeam;
  let path: string;

  beforeEach(async () => {
    team = (await http.call('post', TEAMS).send({ name: 'Sales', agents: [lead, writer] })).body as ShownTeam;
    path = `${TEAMS}/${team.id}`;
  });

  const stored = () =>
    Object.fromEntries((http.catalog.teams.get(team.id)?.agents ?? []).map(({ name, env }) => [name, env]));
  const change = (...agents: readonly object[]) => http.call('patch', path, KEYS.member).send({ agents });

  it.each(['admin', 'member'] as const)('in any answer to a key of an %s', async (role) => {
    const key = KEYS[role];
    const schedule = await http.call('post', '/api/v1/schedules', key).send(aSchedule(team.id)).expect(201);
    const { id } = schedule.body as { id: string };
    const run = await http.call('post', `/api/v1/schedules/${id}/trigger`, key).send({}).expect(202);
    const runId = (run.body as { id: string }).id;
    http.runs.change(runId, { status: 'cancelled', phase: 'finished' });
    const answers = await Promise.all([
      http.call('get', path, key).expect(200),
      http.call('get', TEAMS, key).expect(200),
      http
        .call('patch', path, key)
        .send({ agents: [lead, writer] })
        .expect(200),
      http.call('get', '/api/v1/runs', key).expect(200),
      http.call('get', `/api/v1/runs/${runId}`, key).expect(200),
      http.call('get', `/api/v1/runs/${runId}/events`, key).expect(200),
      http.call('get', `/api/v1/schedules/${id}`, key).expect(200),
    ]);
    for (const { text } of [...answers, schedule, run]) expect(text).not.toContain(SECRET);
    expect(answers[0].body).toMatchObject({
      agents: [{ env: shown('TOKEN', 'REGION', 'EMPTY') }, { env: shown('KEY') }],
    });
    expect(JSON.stringify(http.logger.entries)).not.toContain(SECRET);
  });

  it('nor in the answer to a request that is refused, nor in the log', async () => {
    const refused = await http
      .call('post', TEAMS)
      .send({ name: 'x', agents: [{ ...lead, env: { A: `${SECRET}\0`, 'B-': SECRET, C: [SECRET] } }] })
      .expect(400);
    expect(paths(refused.body)).toEqual(['agents.0.env.A', 'agents.0.env.B-', 'agents.0.env.C']);
    expect(refused.text).not.toContain(SECRET);
    expect(JSON.stringify(http.logger.entries)).not.toContain(SECRET);
  });

  it('and loses none by sending back what it was shown', async () => {
    const before = stored();
    const { agents } = (await http.call('get', path, KEYS.member)).body as ShownTeam;
    expect((await change(...agents).expect(200)).body).toMatchObject({ agents });
    expect(stored()).toEqual(before);
  });

  it('sets, deletes and keeps single variables; an agent without env keeps all of its own', async () => {
    const env = { TOKEN: 'new', REGION: null, EMPTY: { isSet: true }, FRESH: 'x', NEVER_WAS: null };
    const answer = await change({ ...lead, env }, { ...writer, env: undefined }).expect(200);
    expect(answer.body).toMatchObject({ agents: [{ env: shown('TOKEN', 'EMPTY', 'FRESH') }, { env: shown('KEY') }] });
    expect(stored()).toEqual({ lead: { TOKEN: 'new', EMPTY: '', FRESH: 'x' }, writer: { KEY: SECRET } });
  });

  it('renames an agent with its variables, and gives none to a new agent of the old name', async () => {
    const renamed = { ...lead, name: 'boss', previousName: 'lead', env: undefined };
    await change(renamed, { ...writer, name: 'lead', previousName: 'writer', env: shown('KEY') }).expect(200);
    expect(stored()).toEqual({ boss: lead.env, lead: { KEY: SECRET } });
    expect(JSON.stringify((await http.call('get', path)).body)).not.toContain('previousName');
  });

  it.each([
    ['keep what is not set', [{ ...lead, env: { OTHER: { isSet: true } } }], 'agents.0.env.OTHER'],
    ['set a variable to an object', [{ ...lead, env: { TOKEN: { isSet: false } } }], 'agents.0.env.TOKEN'],
    ['rename what is not there', [{ ...lead, name: 'b', previousName: 'c' }], 'agents.0.previousName'],
    [
      'give the variables of one agent to two',
      [
        { ...lead, env: undefined },
        { ...writer, name: 'spy', previousName: 'lead', env: undefined },
      ],
      'agents.1.previousName',
    ],
    [
      'have more variables than an agent may have',
      [{ ...lead, env: Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`N${n}`, 'x'])) }],
      'agents.0.env',
    ],
  ])('cannot %s, and nothing changes then', async (_, agents, field) => {
    const before = stored();
    expect(paths((await change(...agents).expect(400)).body)).toEqual([field]);
    expect(stored()).toEqual(before);
  });
});

describe('MCP servers of an agent', () => {
  const SECRET = 'sk-streng-geheim';
  const url = 'https://mcp.example.com/mcp';
  const mcpServers = [
    { ...FILES, env: { TOKEN: SECRET } },
    { name: 'tracker', url, headers: { Authorization: SECRET } },
  ];
  const network = { mode: 'allowlist', hosts: ['mcp.example.com'] };
  let path: string;

  beforeEach(async () => {
    const { body, text } = await http
      .call('post', TEAMS)
      .send({ ...aTeam({ mcpServers }), network })
      .expect(201);
    expect(text).not.toContain(SECRET);
    path = `${TEAMS}/${(body as { id: string }).id}`;
  });

  const stored = () => [...http.catalog.teams.values()][0]?.agents[0]?.mcpServers;

  it('are shown without their values, and lose none by being sent back', async () => {
    const { body } = await http.call('get', path).expect(200);
    const { agents } = body as { agents: object[] };
    expect(agents).toMatchObject([
      {
        mcpServers: [
          { ...FILES, env: { TOKEN: { isSet: true } } },
          { name: 'tracker', url, headers: { Authorization: { isSet: true } } },
        ],
      },
    ]);
    await http.call('patch', path).send({ agents }).expect(200);
    expect(stored()).toEqual(mcpServers);
  });

  it('keep to the hosts of the network, whichever of them is edited', async () => {
    const refused = await http
      .call('patch', path)
      .send({ network: { mode: 'allowlist', hosts: ['other.example.com'] } })
      .expect(400);
    const { errors } = refused.body as Refusal;
    expect(errors).toEqual([
      {
        path: 'agents.0.mcpServers.1.url',
        message: expect.stringContaining('add "mcp.example.com" to network.hosts') as string,
      },
    ]);
    const moved = aTeam({ mcpServers: [{ name: 'tracker', url: 'https://other.example.com' }] });
    await http.call('patch', path).send({ agents: moved.agents }).expect(400);
    await http
      .call('patch', path)
      .send({ agents: moved.agents, network: { mode: 'allowlist', hosts: ['other.example.com'] } })
      .expect(200);
    expect(stored()).toEqual([
      { name: 'tracker', url: 'https://other.example.com', headers: { Authorization: SECRET } },
    ]);
  });

  it('are no way around the isolation that the process runtime lacks', async () => {
    const only = await startHttp({ settings: { runtime: 'process', onlyCommand: ['demo'] } });
    try {
      const team = aTeam({ image: undefined, command: ['demo'], mcpServers: [FILES] });
      const refused = await only.call('post', TEAMS).send(team).expect(400);
      expect(paths(refused.body)).toEqual(['agents.0.mcpServers.0.command']);
    } finally {
      await only.app.close();
    }
  });
});
