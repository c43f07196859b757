import type { OutputLine } from '@crewtab/domain/ports/runtime';

/** A longer line is cut here, at the same place at every reading: a line without an end must not take all memory. */
const LONGEST_LINE_BYTES = 64 * 1024 * 1024;
const NEWLINE = 10;

/** Makes lines of one stream's bytes. Each byte is copied once at most, however long its line. */
export class LineSplitter {
  private pieces: Buffer[] = [];
  private pendingBytes = 0;
  private nextIndex = 0;

  constructor(
    private readonly stream: OutputLine['stream'],
    private readonly longestLineBytes = LONGEST_LINE_BYTES,
  ) {}

  /** Keeps what is not yet a line: `bytes` must not be written to afterwards. */
  *push(bytes: Buffer): Generator<OutputLine> {
    for (let from = 0; from < bytes.length;) {
      const newline = bytes.indexOf(NEWLINE, from);
      const end = newline === -1 ? bytes.length : newline;
      const room = this.longestLineBytes - this.pendingBytes;
      if (end - from > room) {
        yield this.take(bytes.subarray(from, from + room));
        from += room;
      } else if (newline === -1) {
        this.pieces.push(bytes.subarray(from));
        this.pendingBytes += bytes.length - from;
        return;
      } else {
        yield this.take(bytes.subarray(from, newline));
        from = newline + 1;
      }
    }
  }

  /** The last line, if it has no newline. Only once the stream is known to be complete. */
  end(): OutputLine | null {
    return this.pendingBytes > 0 ? this.take(Buffer.alloc(0)) : null;
  }

  private take(last: Buffer): OutputLine {
    const text = (this.pieces.length === 0 ? last : Buffer.concat([...this.pieces, last])).toString('utf8');
    this.pieces = [];
    this.pendingBytes = 0;
    return { stream: this.stream, index: this.nextIndex++, text };
  }
}
