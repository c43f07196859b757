import type { PromptResponse, SessionUpdate } from '@agentclientprotocol/sdk';
import type { TurnState, Outgoing } from '@crewtab/domain/ports/agent-protocol';
import { ResultText } from '@crewtab/domain/runs/agent-output';
import type { MessageContent, MessageKind } from '@crewtab/domain/runs/message';

export type JsonObject = Readonly<Record<string, unknown>>;
export type RpcId = string | number | null;

/** One message of the other side. */
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

/**
 * The text that a turn ends with: its last unbroken block of message chunks, or, if that is blank, the last one that is
 * not. Keeps two blocks at most, so that an hour of talk costs no memory.
 */
export class AnswerText {
  private block = new ResultText();
  private lastSpoken: ResultText | null = null;
  private messageId: string | null = null;

  /** @param messageId where the agent names its messages: another name begins another block */
  add(text: string, messageId: string | null): void {
    if (messageId !== null && this.messageId !== null && messageId !== this.messageId) this.breakBlock();
    this.messageId = messageId ?? this.messageId;
    this.block.add(text);
  }

  /** Something else than message text came: what follows is another block. */
  breakBlock(): void {
    if (!this.block.isBlank) this.lastSpoken = this.block;
    this.block = new ResultText();
    this.messageId = null;
  }

  /** The answer; forgets everything, for the next turn. */
  take(): string {
    this.breakBlock();
    const text = this.lastSpoken?.toString() ?? '';
    this.lastSpoken = null;
    return text;
  }
}

/** What a `session/update` means for the conversation and for the turn. */
export interface UpdateMeaning {
  readonly kind: MessageKind;
  readonly content: MessageContent;
  /** Message text that may be the turn's answer; null for everything else. */
  readonly answer: { readonly text: string; readonly messageId: string | null } | null;
  /** What was said before it is not the end of the answer's block. */
  readonly breaksAnswer: boolean;
  /** Only an agent that works on a prompt sends this. */
  readonly isWork: boolean;
}

type KnownUpdate = SessionUpdate['sessionUpdate'];

const NO_WORK = { answer: null, breaksAnswer: false, isWork: false };

/**
 * Agents are ahead of every schema: kinds that are not known here (and malformed ones of those that are) are kept as
 * `other`, whole.
 */
export function readUpdate(params: JsonObject): UpdateMeaning {
  const update = params['update'];
  if (!isObject(update)) return { kind: 'other', content: params, ...NO_WORK };
  switch (update['sessionUpdate'] as KnownUpdate | undefined) {
    case 'agent_message_chunk':
      return messageChunk(update);
    case 'agent_thought_chunk':
      return { kind: 'agent_thought', content: textOrOwn(update), answer: null, breaksAnswer: true, isWork: true };
    case 'tool_call':
      return { kind: 'tool_call', content: update, answer: null, breaksAnswer: true, isWork: true };
    case 'tool_call_update':
      return toolCallUpdate(update);
    case 'plan':
      return { kind: 'plan', content: update, answer: null, breaksAnswer: true, isWork: true };
    default:
      // Echoes of the user's message, usage, modes, commands, titles, and whatever comes to be.
      return { kind: 'other', content: update, ...NO_WORK };
  }
}

function messageChunk(update: JsonObject): UpdateMeaning {
  const text = textOf(update['content']);
  const messageId = typeof update['messageId'] === 'string' ? update['messageId'] : null;
  const answer = text === null ? null : { text, messageId };
  return { kind: 'agent_message', content: textOrOwn(update), answer, breaksAnswer: false, isWork: true };
}

/**
 * Only an end of a tool call breaks the answer: agents send late details of an ended call while they already write
 * their answer (Claude Code does, after its hooks ran), and the answer must not lose its beginning to that.
 */
function toolCallUpdate(update: JsonObject): UpdateMeaning {
  const hasEnded = update['status'] === 'completed' || update['status'] === 'failed';
  return {
    kind: hasEnded ? 'tool_result' : 'tool_call',
    content: update,
    answer: null,
    breaksAnswer: hasEnded,
    isWork: true,
  };
}

function textOrOwn(update: JsonObject): MessageContent {
  const text = textOf(update['content']);
  return text === null ? update : { text };
}

function textOf(block: unknown): string | null {
  return isObject(block) && block['type'] === 'text' && typeof block['text'] === 'string' ? block['text'] : null;
}

/** What the agent's response to `session/prompt` makes of the turn. Only `end_turn` is a success. */
export function endOfTurn(agent: string, result: unknown, text: string): TurnState {
  const stopReason = isObject(result) ? result['stopReason'] : undefined;
  switch (stopReason as PromptResponse['stopReason'] | undefined) {
    case 'end_turn':
      return { status: 'done', text };
    case 'refusal':
      return failed('agent_refused', `agent "${agent}" refused to go on${quote(text)}`);
    case 'max_tokens':
      return failed('agent_limit', `agent "${agent}" stopped at its token limit${quote(text)}`);
    case 'max_turn_requests':
      return failed('agent_limit', `agent "${agent}" stopped at its limit of model requests in a turn${quote(text)}`);
    case 'cancelled':
      return failed('agent_cancelled', `agent "${agent}" says that its turn was cancelled`);
    default:
      return failed(
        'protocol_error',
        `agent "${agent}" ended its turn with an unknown stop reason: ${JSON.stringify(stopReason) ?? 'none'}`,
      );
  }
}

export function turnError(agent: string, error: RpcError): TurnState {
  if (error.code === null && error.message === '') {
    return failed('protocol_error', `agent "${agent}" answered its turn with a malformed error`);
  }
  return failed('agent_error', `agent "${agent}" reported an error: ${errorMessage(error)}`);
}

const QUOTED_CHARS = 300;

/** The agent's last text says why more often than its stop reason does. */
function quote(text: string): string {
  const trimmed = text.trim();
  if (trimmed === '') return '';
  return `; its last text: ${trimmed.length > QUOTED_CHARS ? `…${trimmed.slice(-QUOTED_CHARS)}` : trimmed}`;
}

function failed(
  code: 'agent_refused' | 'agent_limit' | 'agent_cancelled' | 'agent_error' | 'protocol_error',
  message: string,
): TurnState {
  return { status: 'failed', failure: { code, message } };
}
