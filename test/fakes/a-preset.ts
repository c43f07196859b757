import type { Preset } from '@crewtab/domain/teams/preset';

/** A preset with something in every field. */
export function aPreset(fields: Partial<Preset> = {}): Preset {
  return {
    name: 'coder',
    title: 'Coder',
    description: 'Writes code.',
    image: 'crewtab-preset/coder:1',
    command: ['coder', '--acp'],
    mode: 'unattended',
    asking: { mode: 'ask', environment: { CODER_ASKS: '1' } },
    model: { isRequired: false, default: null, examples: ['big'] },
    baseUrl: { variable: 'CODER_URL', default: 'https://api.example.com/v1' },
    secrets: [
      [
        { name: 'CODER_KEY', description: 'a key', hosts: ['api.example.com'] },
        { name: 'CODER_TOKEN', description: 'a token', hosts: ['login.example.com'] },
      ],
    ],
    environment: {
      CODER_MODEL: '{{model}}',
      CODER_TRACE: '0',
      CODER_ALIAS: '{{env.CODER_TOKEN}}',
      CODER_CONFIG: { model: '{{model}}', providers: { '{{provider}}': { url: '{{baseUrl}}', retries: 2 } } },
    },
    files: [{ path: '.coder/settings', content: 'quiet' }],
    hosts: ['models.example.com'],
    instructions: '.coder/MEMORY.md',
    handshakeTimeoutMs: 90_000,
    usage: { tokens: 'response', cost: null },
    ...fields,
  };
}
