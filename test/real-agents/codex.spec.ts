import { describeProgram } from './support/program-cases';
import { CODEX } from './support/programs';

const FAILED = { status: 'failed', code: 'agent_error' } as const;
/** What Codex takes for a matter of the connection. */
const UNREACHABLE = { status: 'failed', code: 'model_unreachable' } as const;

describeProgram(CODEX, {
  usage: { hasTokens: true, hasCost: false },
  faults: {
    'a request that the API takes for wrong (400)': { ...FAILED, words: 'the request is not well formed' },
    'a wrong key': { ...FAILED, code: 'model_access', words: 'Authentication required' },
    'a key without the right (403)': { ...UNREACHABLE, words: 'this key may not use the model' },
    'an unknown model (404)': { ...FAILED, words: 'there is no such model' },
    'a rate limit (429)': { status: 'failed', code: 'model_limit', words: '429 Too Many Requests' },
    'a broken API (500)': { ...FAILED, words: 'high demand' },
    'an overloaded API (529)': { ...UNREACHABLE, words: 'Overloaded' },
    'an answer that breaks off': { ...FAILED, words: 'stream disconnected before completion' },
    'a connection that is dropped': { ...UNREACHABLE, words: 'Connection Reset' },
    'the token limit': { ...FAILED, words: 'max_output_tokens' },
  },
});
