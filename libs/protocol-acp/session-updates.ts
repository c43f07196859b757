import type { SessionUpdate } from '@agentclientprotocol/sdk';
import type { MessageContent, MessageKind } from '@crewtab/domain/runs/message';
import { isObject, type JsonObject } from './json-rpc';

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
