import { randomUUID } from 'node:crypto';
import type { Reply } from './script';
import { bearerOf, objectsOf, piecesOf, stringOf, textIn, type JsonObject, type SentEvent, type Wire } from './wire';

const ERROR_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};

/** Anthropic's Messages. */
export const ANTHROPIC_MESSAGES: Wire = {
  name: 'anthropic-messages',
  path: /^\/v1\/messages$/,

  read: (_path, headers, body) => ({
    key: stringOf(headers['x-api-key']) || bearerOf(headers),
    model: stringOf(body['model']),
    isStreamed: body['stream'] === true,
    instructions: textIn(body['system']),
    tools: objectsOf(body['tools']).map(({ name }) => stringOf(name)),
    turns: objectsOf(body['messages']).map(({ role, content }) => {
      const ofType = (type: string): JsonObject[] => objectsOf(content).filter((block) => block['type'] === type);
      const isResult = ofType('tool_result').length > 0;
      const by = role === 'assistant' ? 'model' : isResult ? 'tool' : 'user';
      return { by, text: textIn(content), calls: ofType('tool_use').length } as const;
    }),
  }),

  stream: (reply, model) => {
    const blocks = contentOf(reply);
    const events: JsonObject[] = [
      { type: 'message_start', message: { ...messageOf(reply, model, 1), content: [], stop_reason: null } },
      ...blocks.flatMap(streamBlock),
      {
        type: 'message_delta',
        delta: { stop_reason: stopReasonOf(reply), stop_sequence: null },
        usage: { output_tokens: reply.tokens.output },
      },
      { type: 'message_stop' },
    ];
    return events.map((data): SentEvent => ({ event: stringOf(data['type']), data }));
  },

  whole: (reply, model) => messageOf(reply, model, reply.tokens.output),

  wrongKey: { status: 401, message: 'invalid x-api-key' },

  refusal: (status, message) => ({ type: 'error', error: { type: ERROR_TYPES[status] ?? 'api_error', message } }),
};

function messageOf(reply: Reply, model: string, outputTokens: number): JsonObject {
  return {
    ...{ id: `msg_${randomUUID()}`, type: 'message', role: 'assistant', model, content: contentOf(reply) },
    ...{ stop_reason: stopReasonOf(reply), stop_sequence: null },
    usage: {
      ...{ input_tokens: reply.tokens.input, output_tokens: outputTokens },
      ...{ cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
    },
  };
}

function contentOf({ text, calls }: Reply): JsonObject[] {
  return [
    ...(text === '' ? [] : [{ type: 'text', text }]),
    ...calls.map(({ tool, input }) => ({ type: 'tool_use', id: `toolu_${randomUUID()}`, name: tool, input })),
  ];
}

function streamBlock(block: JsonObject, index: number): JsonObject[] {
  const { text, input } = block;
  const pieces = piecesOf(block['type'] === 'text' ? stringOf(text) : JSON.stringify(input));
  const empty = block['type'] === 'text' ? { text: '' } : { input: {} };
  return [
    { type: 'content_block_start', index, content_block: { ...block, ...empty } },
    ...pieces.map((piece) => ({
      type: 'content_block_delta',
      index,
      delta:
        block['type'] === 'text'
          ? { type: 'text_delta', text: piece }
          : { type: 'input_json_delta', partial_json: piece },
    })),
    { type: 'content_block_stop', index },
  ];
}

function stopReasonOf({ calls, isCutByLimit }: Reply): string {
  if (isCutByLimit) return 'max_tokens';
  return calls.length > 0 ? 'tool_use' : 'end_turn';
}
