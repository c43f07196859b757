import { describeProgram, TRIES_AGAIN } from './support/program-cases';
import { GEMINI } from './support/programs';

const FAILED = { status: 'failed', code: 'agent_error' } as const;

describeProgram(GEMINI, {
  refused: { status: 'success', result: 'That was all.' },
  faults: {
    'a request that the API takes for wrong (400)': { ...FAILED, words: 'the request is not well formed' },
    'a wrong key': { ...FAILED, words: 'API key not valid' },
    'a key without the right (403)': { ...FAILED, words: 'this key may not use the model' },
    'an unknown model (404)': { ...FAILED, words: 'there is no such model' },
    'a rate limit (429)': TRIES_AGAIN,
    'a broken API (500)': TRIES_AGAIN,
    'an overloaded API (529)': TRIES_AGAIN,
    'an answer that breaks off': { ...FAILED, words: 'terminated' },
    'a connection that is dropped': TRIES_AGAIN,
    // It answers `end_turn` as to a whole answer: there is nothing to tell it by.
    'the token limit': { status: 'success' },
  },
});
