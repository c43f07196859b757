import { ResultText } from '@crewtab/domain/runs/result-text';

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
