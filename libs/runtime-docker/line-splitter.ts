import type { OutputLine } from '@crewtab/domain/ports/runtime';

/**
 * A line longer than this is cut here, at the same place at every reading: an agent that never ends its line must
 * not take the worker's memory, and is seen as flooding by whoever counts.
 */
export const MAX_LINE_BYTES = 64 * 1024 * 1024;

const NEWLINE = 0x0a;

/** Makes lines of the bytes of one stream. A character cut between two pieces of bytes is put together. */
export class LineSplitter {
  private pieces: Buffer[] = [];
  private pendingBytes = 0;
  private nextIndex = 0;

  constructor(
    private readonly stream: OutputLine['stream'],
    private readonly maxLineBytes = MAX_LINE_BYTES,
  ) {}

  /** Takes bytes and gives the lines that they complete. */
  *push(bytes: Buffer): Generator<OutputLine> {
    for (let from = 0; from < bytes.length;) {
      const newline = bytes.indexOf(NEWLINE, from);
      const end = newline < 0 ? bytes.length : newline;
      const room = this.maxLineBytes - this.pendingBytes;
      if (end - from > room) {
        // Only now is it certain that the line goes on beyond the limit: a newline right there would end it whole.
        this.keep(bytes.subarray(from, from + room));
        yield this.take();
        from += room;
      } else {
        this.keep(bytes.subarray(from, end));
        if (newline >= 0) yield this.take();
        from = end + 1;
      }
    }
  }

  /** The last line, where it has no newline; null where nothing is pending. Only for a stream that is complete. */
  end(): OutputLine | null {
    return this.pendingBytes > 0 ? this.take() : null;
  }

  private keep(piece: Buffer): void {
    if (piece.length === 0) return;
    this.pieces.push(piece);
    this.pendingBytes += piece.length;
  }

  private take(): OutputLine {
    const [first] = this.pieces;
    const text =
      this.pieces.length === 1 && first ? first.toString('utf8') : Buffer.concat(this.pieces).toString('utf8');
    this.pieces = [];
    this.pendingBytes = 0;
    return { stream: this.stream, index: this.nextIndex++, text };
  }
}
