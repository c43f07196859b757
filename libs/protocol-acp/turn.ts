import type { PromptResponse, SessionUpdate } from '@agentclientprotocol/sdk';
import type { TurnState } from '@crewtab/domain/ports/agent-protocol';
import { ResultText } from '@crewtab/domain/runs/agent-output';
import type { MessageContent, MessageKind } from '@crewtab/domain/runs/message';
import { errorMessage, isObject, type JsonObject, type RpcError } from './json-rpc';

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
