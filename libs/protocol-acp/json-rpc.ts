import type { Outgoing } from '@crewtab/domain/ports/agent-protocol';

export type JsonObject = Readonly<Record<string, unknown>>;
export type RpcId = string | number | null;

/** One thing that the other side said. */
export type Incoming =
  | { readonly type: 'request'; readonly id: RpcId; readonly method: string; readonly params: JsonObject }
  | { readonly type: 'notification'; readonly method: string; readonly params: JsonObject }
  | { readonly type: 'result'; readonly id: RpcId; readonly result: unknown }
  | { readonly type: 'error'; readonly id: RpcId; readonly error: RpcError }
  /** Not JSON: something that a program printed beside the protocol. */
  | { readonly type: 'noise'; readonly text: string }
  /** JSON, but not JSON-RPC. */
  | { readonly type: 'stray'; readonly value: unknown };

export interface RpcError {
  readonly code: number | null;
  readonly message: string;
  readonly data: unknown;
}

export const METHOD_NOT_FOUND = -32601;

/** Levels of nesting that a message may have; no protocol comes near it. */
const DEEPEST = 200;

/**
 * Takes one line apart. Never throws: agents print banners and warnings on stdout, and none of it may break the
 * dialogue. A batch gives one entry per member, a blank line none. Members that JSON-RPC demands and Crewtab does not need
 * (`jsonrpc: "2.0"`, positional params) are not insisted on.
 */
export function parseLine(line: string): Incoming[] {
  if (line.trim() === '') return [];
  // Most noise is recognized without the cost of an exception.
  if (!/^\s*[[{]/.test(line)) return [{ type: 'noise', text: line }];
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return [{ type: 'noise', text: line }];
  }
  // Storing and showing it walk down recursively.
  if (isDeeperThan(value, DEEPEST)) return [{ type: 'noise', text: line }];
  return Array.isArray(value) ? value.map(classify) : [classify(value)];
}

export function request(id: string, method: string, params: object): Outgoing {
  return lineOf({ id, method, params });
}

export function notification(method: string, params: object): Outgoing {
  return lineOf({ method, params });
}

export function resultFor(id: RpcId, result: object): Outgoing {
  return lineOf({ id, result });
}

export function errorFor(id: RpcId, code: number, message: string): Outgoing {
  return lineOf({ id, error: { code, message } });
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The error in the other side's own words: message, and what `data` adds to it. */
export function errorMessage(error: RpcError): string {
  const detail = detailOf(error.data);
  const message = error.message === '' ? `error ${error.code ?? 'without a code'}` : error.message;
  return detail === '' || message.includes(detail) ? message : `${message}: ${detail}`;
}

const DETAIL_CHARS = 2_000;

function detailOf(data: unknown): string {
  if (data === undefined || data === null) return '';
  if (typeof data === 'string') return cut(data);
  if (!isObject(data)) return cut(JSON.stringify(data));
  for (const key of ['details', 'detail', 'message', 'error', 'reason'])
    if (typeof data[key] === 'string') return cut(data[key]);
  return Object.keys(data).length === 0 ? '' : cut(JSON.stringify(data));
}

function cut(text: string): string {
  return text.length > DETAIL_CHARS ? `${text.slice(0, DETAIL_CHARS)}…` : text;
}

function isDeeperThan(value: unknown, levels: number): boolean {
  let level: readonly unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > levels) return true;
    level = level.flatMap(childrenOf);
  }
  return false;
}

function childrenOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return isObject(value) ? Object.values(value) : [];
}

function classify(value: unknown): Incoming {
  if (!isObject(value)) return { type: 'stray', value };
  const { id, method } = value;
  const params = isObject(value['params']) ? value['params'] : {};
  if (typeof method === 'string')
    return isId(id) ? { type: 'request', id, method, params } : { type: 'notification', method, params };
  if (!isId(id)) return { type: 'stray', value };
  if (value['error'] !== undefined && value['error'] !== null)
    return { type: 'error', id, error: toRpcError(value['error']) };
  if ('result' in value) return { type: 'result', id, result: value['result'] };
  return { type: 'stray', value };
}

function toRpcError(error: unknown): RpcError {
  if (!isObject(error))
    return { code: null, message: typeof error === 'string' ? error : JSON.stringify(error), data: null };
  const { code, message, data } = error;
  return { code: typeof code === 'number' ? code : null, message: typeof message === 'string' ? message : '', data };
}

function isId(id: unknown): id is RpcId {
  return typeof id === 'string' || typeof id === 'number' || id === null;
}

/** JSON.stringify leaves no raw newline in a line. */
function lineOf(message: object): Outgoing {
  return { data: `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n` };
}
