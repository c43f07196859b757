import { aPreset } from '@test/fakes/a-preset';
import { planWithPresets, type RunPlan } from '../runs/run';
import { applyPreset, findPresetFaults, findUnreachableApi, type Preset } from './preset';
import type { Agent } from './team';

const PRESET = aPreset();

const agent = (fields: Partial<Agent> = {}): Agent => ({
  name: 'lead',
  role: 'leader',
  protocol: 'acp',
  preset: 'coder',
  env: { CODER_KEY: 'k' },
  ...fields,
});

describe('applyPreset', () => {
  it('fills in what the agent leaves out, and leaves out what has no value', () => {
    expect(applyPreset(agent(), PRESET)).toEqual({
      image: 'crewtab-preset/coder:1',
      isImageOfPreset: true,
      command: ['coder', '--acp'],
      mode: 'unattended',
      env: { CODER_KEY: 'k', CODER_TRACE: '0' },
      files: [{ path: '.coder/settings', content: 'quiet' }],
      hosts: ['api.example.com', 'models.example.com'],
      areInstructionsInFile: false,
      handshakeTimeoutMs: 90_000,
      usage: { tokens: 'response', cost: null },
    });
  });

  it('fills model, provider and address into texts, keys and JSON', () => {
    const { env } = applyPreset(agent({ model: 'acme/large "x"' }), PRESET);
    expect(env).toMatchObject({ CODER_MODEL: 'acme/large "x"' });
    expect(JSON.parse(env.CODER_CONFIG ?? '')).toEqual({
      model: 'acme/large "x"',
      providers: { acme: { url: 'https://api.example.com/v1', retries: 2 } },
    });
  });

  it('gives a variable of the agent another name where the preset says so', () => {
    const { env, hosts } = applyPreset(agent({ env: { CODER_TOKEN: 't' } }), PRESET);
    expect(env.CODER_ALIAS).toBe('t');
    expect(hosts).toEqual(['login.example.com', 'models.example.com']);
  });

  it.each([
    ['http://proxy.example.org:8080/v1', 'proxy.example.org:8080'],
    ['https://user:word@proxy.example.org', 'proxy.example.org'],
    ['https://[2001:db8::1]:444/', '[2001:db8::1]:444'],
  ])('lists the host of another address of the API, and not its own: %s', (url, host) => {
    const { hosts } = applyPreset(agent({ env: { CODER_KEY: 'k', CODER_URL: url } }), PRESET);
    expect(hosts).toEqual([host, 'models.example.com']);
  });

  it('lets fields of the agent win', () => {
    const own = { image: 'mine:1', command: ['x'], mode: 'plan', env: { CODER_KEY: 'k', CODER_TRACE: '9' } };
    const program = applyPreset(agent(own), PRESET);
    expect(program).toMatchObject({ ...own, isImageOfPreset: false });
  });

  it('ends it after the silence of the preset, unless the agent has its own', () => {
    const preset = { ...PRESET, idleTimeoutMs: 60_000 };
    expect(applyPreset(agent(), preset)).toMatchObject({ idleTimeoutMs: 60_000 });
    expect(applyPreset(agent({ idleTimeoutMs: 5_000 }), preset)).toMatchObject({ idleTimeoutMs: 5_000 });
  });

  it('makes it ask where its permissions are asked for', () => {
    const program = applyPreset(agent({ permissions: 'deny' }), PRESET);
    expect(program).toMatchObject({ mode: 'ask', env: { CODER_ASKS: '1' } });
  });

  it('puts the instructions into the file that the program reads', () => {
    const program = applyPreset(agent({ instructions: 'Be brief.' }), PRESET);
    expect(program.areInstructionsInFile).toBe(true);
    expect(program.files).toContainEqual({ path: '.coder/MEMORY.md', content: 'Be brief.' });
    const told = applyPreset(agent({ instructions: 'Be brief.' }), { ...PRESET, instructions: null });
    expect(told).toMatchObject({ areInstructionsInFile: false, files: PRESET.files });
  });
});

describe('findUnreachableApi', () => {
  const NONE = { mode: 'none', hosts: [] } as const;
  const LOCAL: Preset = { ...PRESET, hosts: [] };

  it.each([
    ['the API of its key', PRESET, { CODER_KEY: 'k' }, 'api.example.com, models.example.com'],
    [
      'another address',
      LOCAL,
      { CODER_KEY: 'k', CODER_URL: 'https://proxy.example.org:8443' },
      'proxy.example.org:8443',
    ],
    [
      'the API again, once another address goes',
      LOCAL,
      { CODER_KEY: { isSet: true }, CODER_URL: null },
      'api.example.com',
    ],
  ])('names what an agent without a network could not reach: %s', (_, preset, env, hosts) => {
    const fault = findUnreachableApi(NONE, env, preset);
    expect(fault?.path).toEqual(['preset']);
    expect(fault?.message).toContain(`must reach ${hosts}, and`);
  });

  it.each([
    ['the network leads there', { mode: 'allowlist', hosts: [] } as const, PRESET, { CODER_KEY: 'k' }],
    ['its API is in the container', NONE, LOCAL, { CODER_KEY: 'k', CODER_URL: 'http://127.0.0.1:8080/v1' }],
    ['it needs no host', NONE, { ...LOCAL, secrets: [] }, {}],
    ['the address is one that is kept', NONE, LOCAL, { CODER_KEY: 'k', CODER_URL: { isSet: true } }],
  ])('finds nothing where %s', (_, network, preset, env) => {
    expect(findUnreachableApi(network, env, preset)).toBeNull();
  });
});

describe('findPresetFaults', () => {
  const paths = (fields: Partial<Agent>, preset: Partial<Preset> = {}): string[] =>
    findPresetFaults(agent(fields), { ...PRESET, ...preset }).map(({ path }) => path.join('.'));

  it('names every variable of which one is needed', () => {
    const [fault] = findPresetFaults(agent({ env: { OTHER: '1' } }), PRESET);
    expect(fault).toMatchObject({ path: ['env'] });
    expect(fault?.message).toContain('CODER_KEY or CODER_TOKEN');
  });

  it('wants a key of the provider of the model, where the preset knows it', () => {
    const secret = (provider: string) => ({
      name: `${provider}_KEY`,
      description: `for ${provider}/`,
      provider,
      hosts: [],
    });
    const preset = {
      ...PRESET,
      secrets: [[secret('left'), secret('right'), { ...secret('any'), provider: undefined }]],
    };
    const faultsOf = (fields: Partial<Agent>) => findPresetFaults(agent({ env: {}, ...fields }), preset);
    expect(faultsOf({ model: 'right/large', env: { left_KEY: 'k' } })).toEqual([
      {
        path: ['env'],
        message: 'needs right_KEY or any_KEY, which coder with the model right/large cannot work without: for right/',
      },
    ]);
    expect(faultsOf({ model: 'right/large', env: { right_KEY: 'k' } })).toEqual([]);
    expect(faultsOf({ model: 'right/large', secrets: { right_KEY: 'stored' } })).toEqual([]);
    expect(faultsOf({ model: 'right/large', env: { any_KEY: 'k' } })).toEqual([]);
    // Of another provider the preset cannot know the key.
    expect(faultsOf({ model: 'own/large', env: { left_KEY: 'k' } })).toEqual([]);
    expect(faultsOf({ model: 'right/large' })).toHaveLength(1);
    const byDefault = { ...preset, model: { ...PRESET.model, default: 'right/large' } };
    expect(findPresetFaults(agent({ env: { left_KEY: 'k' } }), byDefault)).toHaveLength(1);
  });

  it.each<[string, Partial<Agent>, Partial<Preset>, string[]]>([
    ['one of the variables', { env: { CODER_TOKEN: '' } }, {}, []],
    ['no model where one is required', {}, { model: { ...PRESET.model, isRequired: true } }, ['model']],
    ['a required model', { model: 'big' }, { model: { ...PRESET.model, isRequired: true } }, []],
    ['permissions that are never asked for', { permissions: 'deny' }, { asking: null }, ['permissions']],
    ['permissions that are all given', { permissions: 'allow' }, { asking: null }, []],
  ])('%s', (_, fields, preset, faults) => {
    expect(paths(fields, preset)).toEqual(faults);
  });
});

describe('planWithPresets', () => {
  const plan: RunPlan = {
    teamName: 'Team',
    network: { mode: 'allowlist', hosts: ['docs.example.com'] },
    agents: [agent(), { name: 'plain', role: 'worker', protocol: 'acp', image: 'x' }],
    prompt: 'Go.',
    timeoutMs: 1_000,
  };

  it('fills in agents and allow-list, and leaves plain agents alone', () => {
    const { agents, network } = planWithPresets(plan, { coder: PRESET });
    expect(network.hosts).toEqual(['docs.example.com', 'api.example.com', 'models.example.com']);
    expect(agents[0]).toMatchObject({ name: 'lead', image: 'crewtab-preset/coder:1', mode: 'unattended' });
    expect(agents[1]).toEqual(plan.agents[1]);
  });

  it('opens no network that was closed', () => {
    const closed = planWithPresets({ ...plan, network: { mode: 'none', hosts: [] } }, { coder: PRESET });
    expect(closed.network).toEqual({ mode: 'none', hosts: [] });
  });

  it('tells of a preset that the run does not have', () => {
    const [lead] = planWithPresets(plan, {}).agents;
    expect(lead?.presetFault).toMatchObject({ code: 'preset_unusable' });
  });
});
