import { describeProgram } from './support/program-cases';
import { GEMINI } from './support/programs';

const FAILED = { status: 'failed', code: 'agent_error' } as const;

describeProgram(GEMINI, {
  refused: { status: 'success', result: 'That was all.' },
  usage: { hasTokens: true, hasCost: false },
  faults: {
    'a request that the API takes for wrong (400)': { ...FAILED, words: 'the request is not well formed' },
    'a wrong key': { ...FAILED, words: 'API key not valid' },
    'a key without the right (403)': { ...FAILED, code: 'model_access', words: 'this key may not use the model' },
    'an unknown model (404)': { ...FAILED, words: 'there is no such model' },
    'a rate limit (429)': { ...FAILED, code: 'model_limit', words: 'too many requests for this key' },
    'a broken API (500)': { ...FAILED, words: 'the API is broken' },
    'an overloaded API (529)': { ...FAILED, words: 'Overloaded' },
    'an answer that breaks off': { ...FAILED, words: 'terminated' },
    'a connection that is dropped': { ...FAILED, words: 'fetch failed' },
    // It answers `end_turn` as to a whole answer: there is nothing to tell it by.
    'the token limit': { status: 'success' },
  },
});
