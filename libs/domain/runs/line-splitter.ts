/**
 * A line longer than this is cut here, at the same place at every reading: an agent that never ends its line must
 * not take the worker's memory, and still counts in full for the limit of an agent's output.
 */
export const LONGEST_LINE_BYTES = 64 * 1024 * 1024;

/** So many pieces are joined before the line is complete. */
const SMALL_PIECES = 1024;
const NEWLINE = 0x0a;

export interface Line {
  /** Counts from 0. */
  readonly index: number;
  /** Without its newline. UTF-8; bytes that are not become U+FFFD. */
  readonly text: string;
}

/** Makes lines of one stream's bytes, which may be cut anywhere. Each byte is copied twice at most, however long its line. */
export class LineSplitter {
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  private pieces: Uint8Array[] = [];
  /** How many of them, the first ones, were made of others. */
  private joinedPieces = 0;
  private pendingBytes = 0;
  private nextIndex = 0;

  /** @param longestLineBytes at least 1 */
  constructor(private readonly longestLineBytes = LONGEST_LINE_BYTES) {}

  /** Takes bytes, which must not be written to afterwards, and gives the lines that they complete. */
  *push(bytes: Uint8Array): Generator<Line> {
    for (let from = 0; from < bytes.length;) {
      const newline = bytes.indexOf(NEWLINE, from);
      const end = newline < 0 ? bytes.length : newline;
      const capacity = this.longestLineBytes - this.pendingBytes;
      if (end - from > capacity) {
        // Only now is it certain that the line goes on beyond the limit: a newline right there would end it whole.
        this.keep(bytes.subarray(from, from + capacity));
        yield this.take();
        from += capacity;
      } else {
        this.keep(bytes.subarray(from, end));
        if (newline >= 0) yield this.take();
        from = end + 1;
      }
    }
  }

  /** The last line, where it has no newline; null where nothing is pending. Only for a stream that is complete. */
  end(): Line | null {
    return this.pendingBytes > 0 ? this.take() : null;
  }

  private keep(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.pieces.push(piece);
    this.pendingBytes += piece.length;
    if (this.pieces.length - this.joinedPieces >= SMALL_PIECES) this.joinSmall();
  }

  /** Many small pieces take far more memory than their bytes. Those that were joined before are left as they are. */
  private joinSmall(): void {
    const small = this.pieces.splice(this.joinedPieces);
    const bytes = small.reduce((sum, { length }) => sum + length, 0);
    this.joinedPieces = this.pieces.push(joined(small, bytes));
  }

  private take(): Line {
    const [first] = this.pieces;
    const bytes = this.pieces.length === 1 && first ? first : joined(this.pieces, this.pendingBytes);
    this.pieces = [];
    this.joinedPieces = 0;
    this.pendingBytes = 0;
    return { index: this.nextIndex++, text: this.decoder.decode(bytes) };
  }
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
