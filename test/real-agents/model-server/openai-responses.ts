import { randomUUID } from 'node:crypto';
import type { Reply, ToolCall } from './script';
import {
  bearerOf,
  objectsOf,
  piecesOf,
  stringOf,
  textIn,
  type JsonObject,
  type SentEvent,
  type Turn,
  type Wire,
} from './wire';

/** OpenAI's Responses. */
export const OPENAI_RESPONSES: Wire = {
  name: 'openai-responses',
  path: /^\/v1\/responses$/,

  read: (_path, headers, body) => ({
    key: bearerOf(headers),
    model: stringOf(body['model']),
    isStreamed: body['stream'] === true,
    instructions: [stringOf(body['instructions']), ...notesIn(body)].join('\n'),
    tools: toolsIn(body).flatMap(namesOf),
    turns: objectsOf(body['input']).flatMap(turnOf),
  }),

  stream: (reply, model) => {
    const response = responseOf(reply, model);
    const begun = { ...response, status: 'in_progress', output: [], usage: null };
    const ending = reply.isCutByLimit ? 'response.incomplete' : 'response.completed';
    const events: JsonObject[] = [
      { type: 'response.created', response: begun },
      ...objectsOf(response['output']).flatMap(streamItem),
      { type: ending, response },
    ];
    return events.map((data, at): SentEvent => ({
      event: stringOf(data['type']),
      data: { ...data, sequence_number: at },
    }));
  },

  whole: responseOf,

  wrongKey: { status: 401, message: 'Incorrect API key provided' },

  refusal: (status, message) => ({ error: { message, type: typeOf(status), code: codeOf(status), param: null } }),
};

/** Those that Codex offers its newest models stand among the input. */
function toolsIn(body: JsonObject): JsonObject[] {
  const added = objectsOf(body['input']).filter(({ type }) => type === 'additional_tools');
  return [body, ...added].flatMap(({ tools }) => objectsOf(tools));
}

function namesOf({ type, name, tools }: JsonObject): string[] {
  const own = stringOf(name) || stringOf(type);
  return type === 'namespace' ? objectsOf(tools).map((tool) => `${own}.${stringOf(tool['name'])}`) : [own];
}

function notesIn(body: JsonObject): string[] {
  const isNote = ({ role }: JsonObject): boolean => role === 'developer' || role === 'system';
  return objectsOf(body['input']).filter(isNote).map(textIn);
}

/** Models seal what they tell each other; the stand-in did not. */
function sealedTextIn(content: unknown): string {
  return objectsOf(content)
    .map((part) => textIn(part) + stringOf(part['encrypted_content']))
    .join('\n');
}

function turnOf(item: JsonObject): Turn[] {
  const type = stringOf(item['type']);
  const text = textIn(item);
  // What one agent of the program says to another, whom it is a prompt for.
  if (type === 'agent_message') return [{ by: 'user', text: sealedTextIn(item['content']), calls: 0 }];
  if (/_call_output$|_output$/.test(type)) return [{ by: 'tool', text, calls: 0 }];
  if (/_call$/.test(type)) return [{ by: 'model', text, calls: 1 }];
  if (item['role'] === 'user') return [{ by: 'user', text, calls: 0 }];
  return item['role'] === 'assistant' ? [{ by: 'model', text, calls: 0 }] : [];
}

function responseOf(reply: Reply, model: string): JsonObject {
  const { input, output } = reply.tokens;
  return {
    ...{
      id: `resp_${randomUUID()}`,
      object: 'response',
      created_at: Math.floor(Date.now() / 1_000),
      model,
      error: null,
    },
    status: reply.isCutByLimit ? 'incomplete' : 'completed',
    incomplete_details: reply.isCutByLimit ? { reason: 'max_output_tokens' } : null,
    output: [...(reply.text === '' ? [] : [messageOf(reply.text)]), ...reply.calls.map(callOf)],
    usage: {
      ...{ input_tokens: input, input_tokens_details: { cached_tokens: 0 } },
      ...{ output_tokens: output, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: input + output },
    },
  };
}

function messageOf(text: string): JsonObject {
  const content = [{ type: 'output_text', text, annotations: [] }];
  return { type: 'message', id: `msg_${randomUUID()}`, role: 'assistant', status: 'completed', content };
}

function callOf({ tool, namespace, input }: ToolCall): JsonObject {
  const named = { name: tool, ...(namespace === undefined ? {} : { namespace }) };
  const ids = { id: `fc_${randomUUID()}`, call_id: `call_${randomUUID()}` };
  if (typeof input === 'string') return { type: 'custom_tool_call', ...ids, ...named, input, status: 'completed' };
  return { type: 'function_call', ...ids, ...named, arguments: JSON.stringify(input), status: 'completed' };
}

function streamItem(item: JsonObject, index: number): JsonObject[] {
  const at = { output_index: index, item_id: item['id'] };
  const isMessage = item['type'] === 'message';
  const begun = { ...item, status: 'in_progress', ...(isMessage ? { content: [] } : {}) };
  const deltas = isMessage
    ? piecesOf(textIn(item['content'])).map((delta) => ({
        ...at,
        ...{ type: 'response.output_text.delta', content_index: 0, delta },
      }))
    : [];
  return [
    { type: 'response.output_item.added', output_index: index, item: begun },
    ...deltas,
    { type: 'response.output_item.done', output_index: index, item },
  ];
}

function typeOf(status: number): string {
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

function codeOf(status: number): string | null {
  const codes: Readonly<Record<number, string>> = {
    401: 'invalid_api_key',
    404: 'model_not_found',
    429: 'rate_limit_exceeded',
  };
  return codes[status] ?? null;
}
