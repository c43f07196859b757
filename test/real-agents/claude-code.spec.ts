import { describeProgram } from './support/program-cases';
import { CLAUDE_CODE } from './support/programs';

const FAILED = { status: 'failed', code: 'agent_error' } as const;
const LIMITED = { status: 'failed', code: 'model_limit' } as const;

describeProgram(CLAUDE_CODE, {
  refused: { status: 'success', result: 'That was all.' },
  usage: { hasTokens: true, hasCost: true },
  tellsOfSubAgents: true,
  faults: {
    'a request that the API takes for wrong (400)': {
      ...FAILED,
      words: 'API Error: 400 the request is not well formed',
    },
    'a wrong key': { ...FAILED, code: 'model_access', words: 'Authentication required' },
    'a key without the right (403)': { ...FAILED, code: 'model_access', words: 'Authentication required' },
    'an unknown model (404)': { ...FAILED, words: "There's an issue with the selected model" },
    'a rate limit (429)': { ...LIMITED, words: 'too many requests for this key' },
    'a broken API (500)': { ...FAILED, words: 'the API is broken' },
    'an overloaded API (529)': { ...FAILED, words: '529 Overloaded' },
    'an answer that breaks off': { ...FAILED, words: 'Connection to the API was lost' },
    'a connection that is dropped': { ...FAILED, words: 'Connection' },
    'the token limit': { ...LIMITED, words: 'output token maximum' },
  },
});
