import type { MessageKind, MessageOrigin } from '@crewtab/domain/runs/message';
import { OFFER_UPDATES } from '@crewtab/domain/runs/joined-conversation';
import { isObject, type JsonObject } from './acp-messages';

/** A longer name would fill an index, and is no name. */
const LONGEST_ID = 200;

/** What is known of a message beside its content. */
export interface Origin {
  readonly kind: MessageKind;
  /** The update, or the request, that it came with. */
  readonly source: JsonObject;
  /** A sub-agent's; null: the agent's own. */
  readonly session: string | null;
  readonly turn: string | null;
  /** Of stdout, and the place in it, where one line holds several messages. */
  readonly line: string;
}

/**
 * Says of each message what it is a piece of. The block of a text without a name is called by the line that it begins with:
 * the worker that adopts the run reads the same lines, and goes on with the same block.
 */
export class OriginMarks {
  /** By session: the text that goes on until something else comes. */
  private readonly speaking = new Map<string, { readonly kind: MessageKind; readonly line: string }>();

  of({ kind, source, session, turn, line }: Origin): MessageOrigin {
    const messageId = idIn(source['messageId']);
    const toolCallId =
      idIn(source['toolCallId']) ?? idIn(isObject(source['toolCall']) ? source['toolCall']['toolCallId'] : null);
    const own = session === null ? '' : session.slice(0, LONGEST_ID);
    const block = this.blockOf({ kind, source, session, turn, line }, own, messageId, toolCallId);
    return {
      ...(messageId !== null && { messageId }),
      ...(toolCallId !== null && { toolCallId }),
      ...(own !== '' && { session: own }),
      ...(turn !== null && { turn }),
      ...(block !== null && { block: own === '' ? block : `${own}/${block}` }),
    };
  }

  private blockOf(
    { kind, source, turn, line }: Origin,
    session: string,
    messageId: string | null,
    toolCallId: string | null,
  ): string | null {
    const isText = kind === 'agent_message' || kind === 'agent_thought';
    if (isText && messageId !== null) return `${kind} ${messageId}`;
    if (isText) {
      const before = this.speaking.get(session);
      const begun = before?.kind === kind ? before : { kind, line };
      this.speaking.set(session, begun);
      return `line ${begun.line} ${turn ?? ''}`;
    }
    if (OFFER_UPDATES.has(source['sessionUpdate'])) return 'offers';
    this.speaking.delete(session);
    if ((kind === 'tool_call' || kind === 'tool_result') && toolCallId !== null) return `tool ${toolCallId}`;
    return kind === 'plan' ? `plan ${turn ?? ''}` : null;
  }
}

function idIn(value: unknown): string | null {
  return typeof value === 'string' && value !== '' && value.length <= LONGEST_ID ? value : null;
}
