import { aPreset } from '@test/fakes/a-preset';
import { agentToTry, parseTryOptions } from './try-options';

const PRESETS = new Map([
  ['coder', aPreset()],
  [
    'keyed',
    aPreset({
      name: 'keyed',
      secrets: [['a', 'b'].map((p) => ({ name: `${p}_KEY`, description: p, provider: p, hosts: [] }))],
    }),
  ],
  ['picky', aPreset({ name: 'picky', model: { isRequired: true, default: null, examples: ['acme/big'] } })],
]);
const asked = (preset: string, model: string | null = null) => ({ preset, model });

describe('agentToTry', () => {
  it('takes of the environment what the preset knows, and nothing else', () => {
    const env = { CODER_KEY: 'k', CODER_URL: 'http://x', PATH: '/bin', CODER_TOKEN: '' };
    expect(agentToTry(asked('coder', 'big'), PRESETS, env)).toEqual({
      preset: 'coder',
      model: 'big',
      env: { CODER_KEY: 'k', CODER_URL: 'http://x' },
    });
  });

  it.each([
    ['no preset', asked(''), { CODER_KEY: 'k' }, 'none was named', 'coder | keyed | picky'],
    ['an unknown preset', asked('nope'), { CODER_KEY: 'k' }, 'no preset "nope"', 'coder | keyed | picky'],
    ['no key', asked('coder'), {}, 'no key for coder: a key', 'CODER_KEY=… npm run try -- --preset coder'],
    ['the key of another', asked('keyed', 'b/x'), { a_KEY: 'k' }, 'no key for keyed: b', 'b_KEY=… npm run'],
    ['no model where one is needed', asked('picky'), { CODER_KEY: 'k' }, 'needs a model', '--model, such as acme/big'],
  ])('says what is missing: %s', (_, options, env, words, hint) => {
    let thrown: unknown;
    try {
      agentToTry(options, PRESETS, env);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ message: expect.stringContaining(words), hint: expect.stringContaining(hint) });
  });
});

describe('parseTryOptions', () => {
  it('reads its options, and fills in prompt and timeout', () => {
    expect(parseTryOptions(['--preset', 'codex', '--model', 'm'])).toMatchObject({
      preset: 'codex',
      model: 'm',
      timeout: '15m',
      isHelp: false,
    });
    expect(parseTryOptions(['--help']).isHelp).toBe(true);
  });

  it.each([['--colour'], ['--preset']])('refuses %s', (argument) => {
    expect(() => parseTryOptions([argument])).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('--help') }),
    );
  });
});
