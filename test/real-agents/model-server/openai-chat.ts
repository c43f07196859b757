import { randomUUID } from 'node:crypto';
import { OPENAI_RESPONSES } from './openai-responses';
import type { Reply, Tokens } from './script';
import {
  bearerOf,
  objectOf,
  objectsOf,
  piecesOf,
  stringOf,
  textIn,
  type JsonObject,
  type SentEvent,
  type Turn,
  type Wire,
} from './wire';

/** OpenAI's chat completions, which many providers speak. */
export const OPENAI_CHAT: Wire = {
  name: 'openai-chat',
  path: /^\/v1\/chat\/completions$/,

  read: (_path, headers, body) => {
    const messages = objectsOf(body['messages']);
    return {
      key: bearerOf(headers),
      model: stringOf(body['model']),
      isStreamed: body['stream'] === true,
      instructions: messages
        .filter(({ role }) => role === 'system')
        .map(textIn)
        .join('\n'),
      tools: objectsOf(body['tools']).map((tool) => stringOf(objectOf(tool['function'])['name'])),
      turns: messages.flatMap(turnOf),
    };
  },

  stream: (reply, model) => {
    const chunk = chunkMaker(model);
    const text = piecesOf(reply.text).map((content) => chunk({ role: 'assistant', content }));
    const calls = callsOf(reply).map((toolCall, index) =>
      chunk({ role: 'assistant', tool_calls: [{ index, ...toolCall }] }),
    );
    const end = chunk({}, finishReasonOf(reply));
    const usage = { ...chunk({}), choices: [], usage: usageOf(reply.tokens) };
    return [...[...text, ...calls, end, usage].map((data): SentEvent => ({ data })), { data: '[DONE]' }];
  },

  whole: (reply, model) => ({
    ...{ id: randomUUID(), object: 'chat.completion', created: Math.floor(Date.now() / 1_000), model },
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: reply.text, tool_calls: callsOf(reply) },
        finish_reason: finishReasonOf(reply),
      },
    ],
    usage: usageOf(reply.tokens),
  }),

  wrongKey: OPENAI_RESPONSES.wrongKey,
  refusal: (status, message) => OPENAI_RESPONSES.refusal(status, message),
};

function turnOf(message: JsonObject): Turn[] {
  const text = textIn(message);
  switch (message['role']) {
    case 'user':
      return [{ by: 'user', text, calls: 0 }];
    case 'assistant':
      return [{ by: 'model', text, calls: objectsOf(message['tool_calls']).length }];
    case 'tool':
      return [{ by: 'tool', text, calls: 0 }];
    default:
      return [];
  }
}

function chunkMaker(model: string) {
  const common = { id: randomUUID(), object: 'chat.completion.chunk', created: Math.floor(Date.now() / 1_000), model };
  return (delta: JsonObject, finishReason: string | null = null): JsonObject => ({
    ...common,
    choices: [{ index: 0, delta, finish_reason: finishReason }],
  });
}

function callsOf({ calls }: Reply): JsonObject[] {
  return calls.map(({ tool, input }) => ({
    id: `call_${randomUUID()}`,
    type: 'function',
    function: { name: tool, arguments: JSON.stringify(input) },
  }));
}

function finishReasonOf({ calls, isCutByLimit }: Reply): string {
  if (isCutByLimit) return 'length';
  return calls.length > 0 ? 'tool_calls' : 'stop';
}

function usageOf({ input, output }: Tokens): JsonObject {
  return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
}
