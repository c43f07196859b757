import { isJoinable, type DraftMessage } from '@crewtab/domain/runs/message';
import type { SecretMask } from './secret-mask';

/**
 * Masks what an agent says in pieces of one text. What may be the beginning of a secret waits for the next piece, and for
 * nothing else: no clock decides, so that whoever reads the same lines again comes to the same pieces. What still waits when a
 * run is cut short is never told.
 */
export class MaskedStream {
  /** Its text is what waits. */
  private held: DraftMessage | null = null;

  constructor(private readonly mask: SecretMask) {}

  /**
   * @param messages what one line led to
   * @param isLast no turn is open any more: nothing waits
   */
  take(messages: readonly DraftMessage[], isLast: boolean): readonly DraftMessage[] {
    if (this.mask.isEmpty) return messages;
    const taken = messages.flatMap((message) => this.takeOne(message));
    return isLast ? [...taken, ...this.end()] : taken;
  }

  end(): DraftMessage[] {
    const { held } = this;
    this.held = null;
    return held ? withText(held, this.mask.last(textOf(held) ?? '')) : [];
  }

  private takeOne(message: DraftMessage): DraftMessage[] {
    const text = isJoinable(message.kind) ? textOf(message) : null;
    if (text === null) {
      // Kinds that only a protocol knows, such as counts of tokens, come in the middle of a text.
      const before = message.kind === 'other' ? [] : this.end();
      return [...before, this.mask.deep(message)];
    }
    const before = this.held && this.held.kind !== message.kind ? this.end() : [];
    const waiting = this.held ? (textOf(this.held) ?? '') : '';
    const { done, held } = this.mask.split(waiting + text);
    this.held = held === '' ? null : { ...message, content: { ...message.content, text: held } };
    return [...before, ...withText(message, done)];
  }
}

function textOf({ content }: DraftMessage): string | null {
  return typeof content['text'] === 'string' ? content['text'] : null;
}

function withText(message: DraftMessage, text: string): DraftMessage[] {
  return text === '' ? [] : [{ ...message, content: { ...message.content, text } }];
}
