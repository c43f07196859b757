import { describeProgram } from './support/program-cases';
import { OPENCODE } from './support/programs';

const FAILED = { status: 'failed', code: 'agent_error' } as const;

describeProgram(OPENCODE, {
  asksInVain: ['registry.npmjs.org'],
  refused: { status: 'failed', error: { code: 'empty_result' } },
  usage: { hasTokens: false, hasCost: true },
  faults: {
    'a request that the API takes for wrong (400)': { ...FAILED, words: 'the request is not well formed' },
    'a wrong key': { ...FAILED, words: 'invalid x-api-key' },
    'a key without the right (403)': { ...FAILED, words: 'this key may not use the model' },
    'an unknown model (404)': { ...FAILED, words: 'there is no such model' },
    'a rate limit (429)': { ...FAILED, words: 'too many requests for this key' },
    'a broken API (500)': { ...FAILED, words: 'the API is broken' },
    'an overloaded API (529)': { ...FAILED, words: 'Overloaded' },
    // Its words depend on what it notices first: that the server is gone, or that the stream is.
    'an answer that breaks off': { ...FAILED, words: /Connection reset by server|connection was closed unexpectedly/ },
    'a connection that is dropped': { ...FAILED, words: 'Connection Reset' },
    // It answers `end_turn` as to a whole answer: there is nothing to tell it by.
    'the token limit': { status: 'success' },
  },
});
