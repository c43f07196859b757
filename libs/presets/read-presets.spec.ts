import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyPreset, findPresetFaults } from '@crewtab/domain/teams/preset';
import { PresetError, readPresets } from './read-presets';

const NOTHING = { folder: null, images: {}, buildArgs: {} };
const OWN = ['claude-code', 'codex', 'gemini', 'opencode'];

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'crewtab-presets-'))));
afterEach(() => rm(folder, { recursive: true }));

const MINE = { title: 'Mine', description: 'My agent.', command: ['mine'] };

async function put(name: string, preset: unknown, files: Readonly<Record<string, string>> = {}): Promise<void> {
  await mkdir(join(folder, name), { recursive: true });
  const all = { 'preset.json': JSON.stringify(preset), ...files };
  await Promise.all(Object.entries(all).map(([file, text]) => writeFile(join(folder, name, file), text)));
}

async function faultsOf(sources: Partial<Parameters<typeof readPresets>[0]> = {}): Promise<readonly string[]> {
  const error: unknown = await readPresets({ ...NOTHING, folder, ...sources }).catch((thrown: unknown) => thrown);
  if (!(error instanceof PresetError)) throw new Error('nothing was wrong', { cause: error });
  return error.faults.map((fault) => fault.replace(folder, ''));
}

describe('the presets of Crewtab', () => {
  it('are all of them sound, and built from their folders', async () => {
    const { byName, builds } = await readPresets(NOTHING);
    expect([...byName.keys()].sort()).toEqual(OWN);
    for (const { image, name } of byName.values()) expect(builds.get(image)?.preset).toBe(name);
  });

  it.each([
    ['claude-code', { ANTHROPIC_API_KEY: 'k' }, undefined, ['api.anthropic.com']],
    ['codex', { OPENAI_API_KEY: 'k' }, undefined, ['api.openai.com']],
    ['opencode', { OPENROUTER_API_KEY: 'k' }, 'openrouter/qwen/qwen3-coder', ['openrouter.ai']],
    ['gemini', { GEMINI_API_KEY: 'k' }, undefined, ['generativelanguage.googleapis.com']],
  ])('%s needs a key, and reaches the API that it opens', async (name, env, model, hosts) => {
    const preset = (await readPresets(NOTHING)).byName.get(name);
    if (!preset) throw new Error(`no preset ${name}`);
    const agent = { name: 'lead', role: 'leader', protocol: 'acp', ...(model === undefined ? {} : { model }) } as const;
    expect(findPresetFaults(agent, preset).map(({ path }) => path)).toEqual([['env']]);
    expect(findPresetFaults({ ...agent, env }, preset)).toEqual([]);
    expect(applyPreset({ ...agent, env }, preset).hosts).toEqual(hosts);
  });

  it('give opencode no model of another provider than that of its key', async () => {
    const opencode = (await readPresets(NOTHING)).byName.get('opencode');
    if (!opencode) throw new Error('no preset opencode');
    const agent = { model: 'openai/gpt-5.1-codex', env: { ANTHROPIC_API_KEY: 'k' } };
    const [fault] = findPresetFaults(agent, opencode);
    expect(fault).toMatchObject({
      path: ['env'],
      message: expect.stringContaining('needs OPENAI_API_KEY, ') as string,
    });
    expect(findPresetFaults({ ...agent, env: { OPENAI_API_KEY: 'k' } }, opencode)).toEqual([]);
  });

  it('give Codex its key, model and address', async () => {
    const codex = (await readPresets(NOTHING)).byName.get('codex');
    if (!codex) throw new Error('no preset codex');
    const env = { OPENAI_API_KEY: 'k', OPENAI_BASE_URL: 'http://10.0.0.1:8080/v1' };
    const program = applyPreset({ name: 'a', role: 'leader', protocol: 'acp', model: 'm', env }, codex);
    expect(program.env.CODEX_API_KEY).toBe('k');
    expect(JSON.parse(program.env.CODEX_CONFIG ?? '')).toMatchObject({
      model: 'm',
      model_providers: { crewtab: { base_url: 'http://10.0.0.1:8080/v1', env_key: 'CODEX_API_KEY' } },
    });
    expect(program.hosts).toEqual(['10.0.0.1:8080']);
  });
});

describe('presets of an operator', () => {
  it('join those of Crewtab, and take their place by name', async () => {
    const timeouts = { handshake: '2m', idle: '10m' };
    await put('mine', { ...MINE, image: 'registry.example.org/mine:1', timeouts });
    await put('codex', { ...MINE, files: { '.mine/settings': 'settings' } }, { Dockerfile: 'FROM x', settings: 'a' });
    const { byName, builds } = await readPresets({ ...NOTHING, folder });
    expect([...byName.keys()].sort()).toEqual([...OWN, 'mine'].sort());
    expect(byName.get('mine')).toMatchObject({
      ...{ image: 'registry.example.org/mine:1', mode: null },
      ...{ handshakeTimeoutMs: 120_000, idleTimeoutMs: 600_000 },
    });
    expect(builds.has('registry.example.org/mine:1')).toBe(false);
    expect(byName.get('codex')).toMatchObject({ title: 'Mine', files: [{ path: '.mine/settings', content: 'a' }] });
  });

  it('get another tag for each change of what decides their image, and for nothing else', async () => {
    const tag = async (buildArgs: Readonly<Record<string, string>> = {}): Promise<string | undefined> =>
      (await readPresets({ ...NOTHING, folder, buildArgs })).byName.get('mine')?.image;
    await put('mine', MINE, { Dockerfile: 'FROM x' });
    const first = await tag();
    expect(first).toMatch(/^crewtab-preset\/mine:[0-9a-f]{12}$/);
    await put('mine', { ...MINE, mode: 'other' }, { Dockerfile: 'FROM x' });
    expect(await tag()).toBe(first);
    expect(await tag({ BASE: 'y' })).not.toBe(first);
    await put('mine', MINE, { Dockerfile: 'FROM y' });
    expect(await tag()).not.toBe(first);
  });

  it('come from a registry where the operator names an image', async () => {
    const { byName, builds } = await readPresets({ ...NOTHING, images: { codex: 'ghcr.io/example/codex:1' } });
    expect(byName.get('codex')?.image).toBe('ghcr.io/example/codex:1');
    expect([...builds.values()].map(({ preset }) => preset)).not.toContain('codex');
  });

  it('are refused with every fault at once', async () => {
    await put('bare', MINE);
    await put('wrong', {
      ...MINE,
      image: 'x',
      command: [],
      colour: 'red',
      hosts: ['https://a.example'],
      environment: { 'A-B': '1', C: '{{secret}}' },
      files: { '../escape': 'x' },
    });
    await put('lacking', { ...MINE, image: 'x', files: { a: 'absent' } });
    await mkdir(join(folder, 'Loud'));
    expect((await faultsOf({ images: { none: 'x' } })).map((fault) => fault.slice(0, 60))).toEqual([
      expect.stringContaining('/Loud: a preset'),
      expect.stringContaining('/bare: has neither an image'),
      expect.stringContaining('/lacking: files.a names absent'),
      expect.stringContaining('/wrong/preset.json: command'),
      expect.stringContaining('/wrong/preset.json: environment.A-B'),
      expect.stringContaining('/wrong/preset.json: environment.C has a placeholder'),
      expect.stringContaining('/wrong/preset.json: files.../escape'),
      expect.stringContaining('/wrong/preset.json: hosts.0'),
      expect.stringContaining('/wrong/preset.json:  Unrecognized key'),
      expect.stringContaining('an image is named for the preset "none"'),
    ]);
  });

  it('are refused where the folder or its JSON cannot be read', async () => {
    await put('mine', null, { 'preset.json': '{' });
    expect(await faultsOf()).toEqual([expect.stringContaining('/mine: ')]);
    expect(await faultsOf({ folder: join(folder, 'absent') })).toEqual([expect.stringContaining('ENOENT')]);
  });
});
