import { createHash } from 'node:crypto';
import type { PromptResponse, SessionUpdate } from '@agentclientprotocol/sdk';
import type { ErrorCode } from '@crewtab/domain/errors';
import type { TurnState, Outgoing } from '@crewtab/domain/ports/agent-protocol';
import { quote, ResultText } from '@crewtab/domain/runs/agent-output';
import type { MessageContent, MessageKind } from '@crewtab/domain/runs/message';
import { checkJson, DEFAULT_JSON_LIMITS, type JsonLimits } from '@crewtab/domain/runs/output-limits';
import { plainText } from '@crewtab/domain/runs/plain-text';

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
  | { readonly type: 'stray'; readonly value: unknown }
  /** JSON beyond the limits, which was not parsed. */
  | { readonly type: 'beyond'; readonly code: 'batch_limit' | 'json_limit'; readonly words: string };

export interface RpcError {
  readonly code: number | null;
  readonly message: string;
  readonly data: unknown;
}

export const METHOD_NOT_FOUND = -32601;
/** ACP's own code: a login is missing, or was refused; Claude Code and Codex answer so to a wrong key. */
export const AUTH_REQUIRED = -32000;
export const PARSE_ERROR = -32700;

/**
 * Takes one line apart. Never throws: agents print banners and warnings on stdout, and none of it may break the
 * dialogue. A batch gives one entry per member, a blank line none. Members that JSON-RPC demands and Crewtab does not need
 * (`jsonrpc: "2.0"`, positional params) are not insisted on.
 */
export function parseLine(line: string, limits = DEFAULT_JSON_LIMITS): Incoming[] {
  // Also takes a byte order mark away, which no parser of JSON takes.
  const text = line.trim();
  if (text === '') return [];
  // Most noise is recognized without the cost of an exception.
  if (!/^[[{]/.test(text)) return parseBehindNoise(line, limits);
  const found = readJson(text, limits);
  if (found === null) return parseBehindNoise(line, limits);
  if ('beyond' in found) return [found.beyond];
  const { value } = found;
  return Array.isArray(value) ? value.map(classify) : [classify(value)];
}

/** How far into a line a message may begin. */
const LONGEST_NOISE = 10_000;
/** What looks like the beginning of a message is tried so often in a line. */
const MOST_TRIES = 3;

/**
 * A terminal's control bytes, or a progress bar without a newline, can stand before a message on its line. Only what has
 * the form of JSON-RPC counts: a log line with JSON at its end stays one.
 */
function parseBehindNoise(line: string, limits: JsonLimits): Incoming[] {
  const noise: Incoming = { type: 'noise', text: line };
  if (!line.trimEnd().endsWith('}')) return [noise];
  const beginnings = line.slice(1, LONGEST_NOISE).matchAll(/\{"(?:jsonrpc|id|method|result|error|params)"/g);
  for (const { index } of [...beginnings].slice(0, MOST_TRIES)) {
    const found = readJson(line.slice(index + 1), limits);
    if (found === null) continue;
    const incoming = 'beyond' in found ? found.beyond : classify(found.value);
    if (incoming.type !== 'stray') return [{ type: 'noise', text: line.slice(0, index + 1) }, incoming];
  }
  return [noise];
}

/** Null for what is no JSON. What goes beyond the limits is not parsed. */
function readJson(
  text: string,
  limits: JsonLimits,
): { readonly value: unknown } | { readonly beyond: Incoming } | null {
  const check = checkJson(text, limits);
  if (check.is === 'beyond') return { beyond: { type: 'beyond', code: check.code, words: check.words } };
  if (check.is === 'no_json') return null;
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return null;
  }
}

/** The prompt's request: a session has one. Below it are the ids of the handshake. */
const PROMPT_ID = 10;
/** Above it are the ids of delegated tasks. */
const FIRST_TASK_ID = 2 ** 32;

/**
 * The id on the wire of a turn's request: a number, since some agents take nothing else, and computed from the turn's own
 * id, so that each worker knows it. Two of a session's tasks have the same with a probability of 2^-48.
 */
export function wireIdOf(turnId: string): number {
  if (turnId.startsWith('prompt:')) return PROMPT_ID;
  return FIRST_TASK_ID + createHash('sha256').update(turnId).digest().readUIntBE(0, 6);
}

export function request(id: number, method: string, params: object): Outgoing {
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

/** The error in the other side's own words: message, and what `data` adds to it, each up to a limit. */
export function errorMessage(error: RpcError): string {
  const detail = detailOf(error.data);
  const message = error.message === '' ? `error ${error.code ?? 'without a code'}` : cut(error.message);
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

/** For the words of a failure, which go wherever the run is shown. */
export function cut(text: string): string {
  return text.length > DETAIL_CHARS ? `${text.slice(0, DETAIL_CHARS)}…` : text;
}

function classify(value: unknown): Incoming {
  if (!isObject(value)) return { type: 'stray', value };
  const { id, method } = value;
  const params = isObject(value['params']) ? value['params'] : {};
  if (typeof method === 'string')
    return isId(id) ? { type: 'request', id, method, params } : { type: 'notification', method, params };
  // An error that could not be credited to a request comes without its id, or with none at all.
  if (isObject(value['error']) && (isId(id) || id === undefined))
    return { type: 'error', id: id ?? null, error: toRpcError(value['error']) };
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

/** Answers repeat the id, and are kept. */
const LONGEST_ID = 1_000;

function isId(id: unknown): id is RpcId {
  return (typeof id === 'string' && id.length <= LONGEST_ID) || typeof id === 'number' || id === null;
}

/** JSON.stringify leaves no raw newline in a line. */
function lineOf(message: object): Outgoing {
  return { data: `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n` };
}

/**
 * The text that a turn ends with: its last message, or, if that is blank, the last one that is not. An agent that names its
 * messages decides itself which chunks are one; otherwise a message ends where the agent begins something else. Keeps
 * two messages at most, so that an hour of talk costs no memory.
 */
export class AnswerText {
  private block = new ResultText();
  private lastSpoken: ResultText | null = null;
  private messageId: string | null = null;
  private isBroken = false;

  /** @param messageId the agent's name of the message; null where it gives none */
  add(text: string, messageId: string | null): void {
    const isSame = messageId !== null && messageId === this.messageId;
    const isOther = messageId !== null && this.messageId !== null && !isSame;
    if (isOther || (this.isBroken && !isSame)) this.beginBlock();
    this.isBroken = false;
    this.messageId = messageId ?? this.messageId;
    this.block.add(text);
  }

  /** Something else than message text came: what follows is another message, unless it bears the same name. */
  breakBlock(): void {
    this.isBroken = true;
  }

  /** The answer as it stands. */
  read(): { readonly text: string; readonly isCut: boolean } {
    const last = this.block.isBlank ? this.lastSpoken : this.block;
    return { text: last?.toString() ?? '', isCut: last?.isCut ?? false };
  }

  private beginBlock(): void {
    if (!this.block.isBlank) this.lastSpoken = this.block;
    this.block = new ResultText();
    this.messageId = null;
    this.isBroken = false;
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
  /** Of a sub-agent; null: the agent's own. */
  readonly session: string | null;
  /** The name of a kind that is not known here; null for those that are. */
  readonly unknownKind: string | null;
}

type KnownUpdate = SessionUpdate['sessionUpdate'];

const NO_WORK = { answer: null, breaksAnswer: false, isWork: false };

const KNOWN_UPDATES: ReadonlySet<string> = new Set<KnownUpdate>([
  'agent_message_chunk',
  'agent_thought_chunk',
  'tool_call',
  'tool_call_update',
  'plan',
  'user_message_chunk',
  'available_commands_update',
  'current_mode_update',
  'config_option_update',
  'session_info_update',
  'usage_update',
  'notice',
  'compaction_update',
  'compaction_summary_chunk',
]);

/**
 * Agents are ahead of every schema: kinds that are not known here (and malformed ones of those that are) are kept as
 * `other`, whole. What comes under another session than `sessionId` bears its own.
 * @param ownerOf the session of a sub-agent whose tool call it is known to be; null: the agent's own
 */
export function readUpdate(
  params: JsonObject,
  sessionId: string | null,
  ownerOf: (toolCallId: unknown) => string | null,
): UpdateMeaning {
  const meaning = { ...meaningOf(params), session: null, unknownKind: unknownKindOf(params['update']) };
  const own = subSessionOf(params, sessionId, ownerOf);
  if (own === null) return meaning;
  // A sub-agent's words are no part of the answer, and end no message of the agent itself.
  return {
    ...meaning,
    content: { ...meaning.content, sessionId: own },
    answer: null,
    breaksAnswer: false,
    session: own,
  };
}

/**
 * Some agents give a sub-agent a session, and name it. Claude Code tells of it in its own session, by the tool call that
 * made the sub-agent, and leaves that out of an update where the one before had it.
 */
function subSessionOf(
  { sessionId: named, update }: JsonObject,
  sessionId: string | null,
  ownerOf: (toolCallId: unknown) => string | null,
): string | null {
  if (typeof named === 'string' && sessionId !== null && named !== sessionId) return named;
  if (!isObject(update)) return null;
  const meta = isObject(update['_meta']) ? update['_meta']['claudeCode'] : undefined;
  const parent = isObject(meta) ? meta['parentToolUseId'] : undefined;
  const { toolCallId } = update;
  return typeof parent === 'string' && parent !== '' && parent !== toolCallId ? parent : ownerOf(toolCallId);
}

function unknownKindOf(update: unknown): string | null {
  const kind = isObject(update) ? update['sessionUpdate'] : undefined;
  if (typeof kind !== 'string') return 'no kind';
  return KNOWN_UPDATES.has(kind) ? null : kind;
}

function meaningOf(params: JsonObject): Omit<UpdateMeaning, 'session' | 'unknownKind'> {
  const update = params['update'];
  if (!isObject(update)) return { kind: 'other', content: params, ...NO_WORK };
  switch (update['sessionUpdate'] as KnownUpdate | undefined) {
    case 'agent_message_chunk':
      return messageChunk(update);
    case 'agent_thought_chunk':
      return { kind: 'agent_thought', content: textOrOwn(update), answer: null, breaksAnswer: false, isWork: true };
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

function messageChunk(update: JsonObject): ReturnType<typeof meaningOf> {
  const text = textOf(update['content']);
  const messageId = typeof update['messageId'] === 'string' ? update['messageId'] : null;
  const answer = text === null ? null : { text, messageId };
  return { kind: 'agent_message', content: textOrOwn(update), answer, breaksAnswer: false, isWork: true };
}

/**
 * Does not break the answer: agents send late details of an ended call while they already write their answer (Claude Code
 * does, after its hooks ran), and the answer must not lose its beginning to that.
 */
function toolCallUpdate(update: JsonObject): ReturnType<typeof meaningOf> {
  const hasEnded = update['status'] === 'completed' || update['status'] === 'failed';
  return {
    kind: hasEnded ? 'tool_result' : 'tool_call',
    content: update,
    answer: null,
    breaksAnswer: false,
    isWork: true,
  };
}

function textOrOwn(update: JsonObject): MessageContent {
  const text = textOf(update['content']);
  return text === null ? update : { text };
}

/** Some agents send the bare text, or a list of blocks. Null where there is anything else than text. */
function textOf(content: unknown): string | null {
  if (typeof content === 'string') return content;
  if (Array.isArray(content)) {
    const texts = content.map(textOf);
    return texts.length > 0 && texts.every((text) => text !== null) ? texts.join('') : null;
  }
  return isObject(content) && content['type'] === 'text' && typeof content['text'] === 'string'
    ? content['text']
    : null;
}

/** A failure that an agent tells of beside its turn's end, which may look well. */
export interface ReportedFailure {
  readonly code: ErrorCode;
  /** The agent's own; may be empty. */
  readonly words: string;
}

/** What the agent has done in a turn that ends. */
export interface TurnSoFar {
  readonly text: string;
  /** Titles. */
  readonly openCalls: readonly string[];
  /** What it was refused, last; null: nothing. */
  readonly refused: string | null;
  /** What it says of a failure beside its end. */
  readonly failure: ReportedFailure | null;
}

const SHOWN_CALLS = 5;

/** What the agent's response to `session/prompt` makes of the turn. Only `end_turn` is a success. */
export function endOfTurn(agent: string, result: unknown, soFar: TurnSoFar): TurnState {
  const { text, openCalls, refused, failure } = soFar;
  const stopReason = isObject(result) ? result['stopReason'] : undefined;
  if (failure && (stopReason === 'end_turn' || stopReason === 'cancelled')) {
    const words = failure.words === '' ? '' : `: ${failure.words}`;
    return failed(failure.code, `agent "${agent}" reports a failure${words}${quoteBeside(failure.words, text)}`);
  }
  switch (stopReason as PromptResponse['stopReason'] | undefined) {
    case 'end_turn':
      return {
        status: 'done',
        text,
        ...(text === '' && { isSilent: true }),
        ...(openCalls.length > 0 && { openCalls: openCalls.slice(0, SHOWN_CALLS).map(cut) }),
      };
    case 'refusal':
      return failed('agent_refused', `agent "${agent}" refused to go on${quote(text)}`);
    case 'max_tokens':
      return failed('agent_limit', `agent "${agent}" stopped at its token limit${quote(text)}`);
    case 'max_turn_requests':
      return failed('agent_limit', `agent "${agent}" stopped at its limit of model requests in a turn${quote(text)}`);
    case 'cancelled':
      if (refused !== null) {
        const words = `agent "${agent}" ended its turn as cancelled after it was refused a permission`;
        return failed('permission_refused', `${words}: ${refused}${quote(text)}`);
      }
      return failed('agent_cancelled', `agent "${agent}" says that its turn was cancelled${quote(text)}`);
    default:
      return failed(
        'protocol_error',
        `agent "${agent}" ended its turn with an unknown stop reason: ${JSON.stringify(stopReason) ?? 'none'}`,
      );
  }
}

/** By the number of an error. Gemini CLI's is the HTTP status of its model. */
const CODES_OF_ERRORS: ReadonlyMap<number | null, ErrorCode> = new Map([
  [AUTH_REQUIRED, 'model_access'],
  [401, 'model_access'],
  [403, 'model_access'],
  [429, 'model_limit'],
]);

export function turnError(agent: string, error: RpcError, text: string): TurnState {
  if (error.code === null && error.message === '') {
    return failed('protocol_error', `agent "${agent}" answered its turn with a malformed error`);
  }
  const words = errorMessage(error);
  const code = CODES_OF_ERRORS.get(error.code) ?? 'agent_error';
  return failed(code, `agent "${agent}" reported an error: ${words}${quoteBeside(words, text)}`);
}

/** The agent's last text, unless the other words have it already. */
function quoteBeside(words: string, text: string): string {
  return words.includes(text.trim()) ? '' : quote(text);
}

function failed(code: ErrorCode, message: string): TurnState {
  return { status: 'failed', failure: { code, message: cut(plainText(message)) } };
}
