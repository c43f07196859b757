import type { Reply } from './script';
import { objectOf, objectsOf, piecesOf, stringOf, textIn, type JsonObject, type Wire } from './wire';

const PATH = /^\/v1(?:beta)?\/models\/([^/:]+):(generateContent|streamGenerateContent)$/;

const STATUSES: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
};

/** Google's generateContent. */
export const GEMINI: Wire = {
  name: 'gemini',
  path: PATH,

  read: (path, headers, body) => {
    const [, model = '', method = ''] = PATH.exec(path) ?? [];
    return {
      key: stringOf(headers['x-goog-api-key']) || null,
      model,
      isStreamed: method === 'streamGenerateContent',
      instructions: textIn(body['systemInstruction']),
      tools: objectsOf(body['tools']).flatMap((tool) =>
        objectsOf(tool['functionDeclarations']).map(({ name }) => stringOf(name)),
      ),
      turns: objectsOf(body['contents']).map(({ role, parts }) => {
        const isResult = objectsOf(parts).some((part) => 'functionResponse' in part);
        const by = role === 'model' ? 'model' : isResult ? 'tool' : 'user';
        const results = objectsOf(parts).map((part) => {
          const { response = '' } = objectOf(part['functionResponse']);
          return textIn(response) || JSON.stringify(response);
        });
        const calls = objectsOf(parts).filter((part) => 'functionCall' in part).length;
        return { by, text: isResult ? results.join('\n') : textIn(parts), calls } as const;
      }),
    };
  },

  stream: (reply, model) => {
    const texts = piecesOf(reply.text).map((text) => [{ text }]);
    const chunks = [...texts, ...(reply.calls.length > 0 || texts.length === 0 ? [callsOf(reply)] : [])];
    return chunks.map((parts, at) => ({ data: chunkOf(parts, reply, model, at === chunks.length - 1) }));
  },

  whole: (reply, model) =>
    chunkOf([...(reply.text === '' ? [] : [{ text: reply.text }]), ...callsOf(reply)], reply, model, true),

  wrongKey: { status: 400, message: 'API key not valid. Please pass a valid API key.' },

  refusal: (status, message) => ({ error: { code: status, message, status: STATUSES[status] ?? 'UNAVAILABLE' } }),
};

function callsOf({ calls }: Reply): JsonObject[] {
  return calls.map(({ tool, input }) => ({ functionCall: { name: tool, args: input } }));
}

function chunkOf(parts: readonly JsonObject[], reply: Reply, model: string, isLast: boolean): JsonObject {
  const { input, output } = reply.tokens;
  const finishReason = reply.isCutByLimit ? 'MAX_TOKENS' : 'STOP';
  return {
    candidates: [{ content: { role: 'model', parts }, index: 0, ...(isLast ? { finishReason } : {}) }],
    usageMetadata: { promptTokenCount: input, candidatesTokenCount: output, totalTokenCount: input + output },
    modelVersion: model,
  };
}
