import type { Failure } from '../errors';
import type { AgentEnd } from './observation';
import { LONGEST_LINE_BYTES } from './output-limits';
import { plainText } from './plain-text';

/** Exit codes above this are 128 + the number of the signal that ended the process (POSIX shells, and Docker). */
const SIGNAL_BASE = 128;
const LAST_SIGNAL = 64;

/**
 * Words and code for an agent that is no longer there. 137 alone is `killed`: only the engine knows that memory ran out.
 */
export function describeAgentEnd(agent: string, end: AgentEnd): Failure {
  if (end.how === 'vanished') {
    return {
      code: 'agent_vanished',
      message: `the container of agent "${agent}" is gone, and Crewtab did not remove it`,
    };
  }
  if (end.isOutOfMemory) {
    return { code: 'out_of_memory', message: `agent "${agent}" ran out of memory (exit code ${end.exitCode})` };
  }
  if (end.lostNode !== undefined) {
    return {
      code: 'host_lost',
      message: `node ${end.lostNode}, which agent "${agent}" ran on, is lost: ${end.endedBy ?? 'it does not answer'}`,
    };
  }
  if (end.endedBy !== undefined) {
    return { code: 'agent_evicted', message: `the cluster ended agent "${agent}": ${end.endedBy}` };
  }
  const signal = end.exitCode - SIGNAL_BASE;
  if (signal > 0 && signal <= LAST_SIGNAL) {
    return {
      code: 'agent_killed',
      message: `agent "${agent}" was killed by signal ${signal} (exit code ${end.exitCode})`,
    };
  }
  if (end.mayLackOutput) {
    return {
      code: 'output_lost',
      message:
        `agent "${agent}" ended (exit code ${end.exitCode}) while its container engine was down or restarting, which ` +
        'may have lost the end of its output',
    };
  }
  return { code: 'agent_exited', message: `agent "${agent}" ended with exit code ${end.exitCode}` };
}

const MOST_LINES = 5;
const MOST_CHARS = 500;
/** Of a line that is looked through. */
const LONGEST_LINE_CHARS = 10_000;

/** The last lines of an agent's stderr: what a person needs first when it ended without a word on the wire. */
export class StderrTail {
  private lines: string[] = [];

  add(line: string): void {
    // A progress bar shows what it wrote last.
    const seen = plainText(line.slice(-LONGEST_LINE_CHARS).trimEnd().split('\r').at(-1) ?? '').trimEnd();
    if (seen.trim() === '') return;
    this.lines.push(seen.slice(0, MOST_CHARS));
    if (this.lines.length > MOST_LINES) this.lines.shift();
  }

  /** The failure with the last words behind its message; unchanged where there are none. */
  appendTo(failure: Failure): Failure {
    return { ...failure, message: `${failure.message}${this.words}` };
  }

  /** Follows other words; empty where nothing was said. */
  get words(): string {
    if (this.lines.length === 0) return '';
    const words = this.lines.join('\n');
    return `; its last words on stderr:\n${endOf(words, MOST_CHARS)}`;
  }
}

const QUOTED_CHARS = 300;
/** What is looked at of a text for the quote: control sequences take more than they show. */
export const QUOTE_FROM_CHARS = 4 * QUOTED_CHARS;

/** The end of what an agent said, to follow other words: it says why more often than an exit code or a stop reason does. */
export function quote(text: string): string {
  const end = endOf(text, QUOTE_FROM_CHARS);
  const trimmed = plainText(end).trim();
  if (trimmed === '' || trimmed === '…') return '';
  return `; its last text: ${endOf(trimmed, QUOTED_CHARS)}`;
}

/** A text that is too long begins behind the word that the cut went through: half of a secret is not found, and would be shown. */
function endOf(text: string, chars: number): string {
  return text.length > chars ? `…${text.slice(-chars).replace(/^[!-~]+/, '')}` : text;
}

/** Most characters (UTF-16 units) that are kept as the result of a turn; the conversation has all of it. */
export const RESULT_CHARS = 1024 * 1024;

const CUT_MARK = '\n[… cut here: the conversation has the whole text]';

/** Gathers a result up to RESULT_CHARS: keeps the beginning and marks the cut. */
export class ResultText {
  private text = '';
  private hasBeenCut = false;
  private hasInk = false;

  /** True while nothing but white space came. */
  get isBlank(): boolean {
    return !this.hasInk;
  }

  get isCut(): boolean {
    return this.hasBeenCut;
  }

  add(more: string): void {
    if (!this.hasInk) this.hasInk = /\S/.test(more);
    if (this.hasBeenCut) return;
    const capacity = RESULT_CHARS - this.text.length;
    if (more.length <= capacity) {
      this.text += more;
    } else {
      this.hasBeenCut = true;
      this.text += withoutHalfCharacter(more.slice(0, capacity));
    }
  }

  toString(): string {
    return this.hasBeenCut ? `${this.text}${CUT_MARK}` : this.text;
  }
}

/** A cut between the two halves of a surrogate pair would leave a character that is none. */
function withoutHalfCharacter(text: string): string {
  return /[\uD800-\uDBFF]$/.test(text) ? text.slice(0, -1) : text;
}

/** So many pieces are joined before the line is complete. */
const SMALL_PIECES = 1024;
const NEWLINE = 0x0a;
const NO_BYTES = new Uint8Array(0);

export interface Line {
  /** Counts from 0, whatever the limit. */
  readonly index: number;
  /** Without its newline. UTF-8; bytes that are not become U+FFFD. */
  readonly text: string;
  /** Set for a line beyond the limit, of which `text` has nothing. */
  readonly isTooLong?: true;
}

/**
 * Makes lines of one stream's bytes, which may be cut anywhere. Holds at most the limit and a few small pieces: a line beyond
 * it is told of as soon as it is, and the rest of it passed over. Each byte is copied three times at most.
 */
export class LineSplitter {
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  private pieces: Uint8Array[] = [];
  /** How many of them, the first ones, were made of others. */
  private joinedPieces = 0;
  private pendingBytes = 0;
  private nextIndex = 0;
  /** In a line that is too long. */
  private isPassingOver = false;

  /** @param longestLineBytes at least 1, without the newline */
  constructor(private readonly longestLineBytes = LONGEST_LINE_BYTES) {}

  /** What is held of a line that has not ended yet. */
  get heldBytes(): number {
    return this.pieces.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  }

  /** Takes bytes and gives the lines that they complete. */
  *push(bytes: Uint8Array): Generator<Line> {
    for (let from = 0; from < bytes.length;) {
      const newline = bytes.indexOf(NEWLINE, from);
      const end = newline < 0 ? bytes.length : newline;
      if (this.isPassingOver) this.isPassingOver = newline < 0;
      else if (this.pendingBytes + end - from > this.longestLineBytes) yield this.passOver(newline < 0);
      else if (newline >= 0) yield this.take(bytes.subarray(from, end));
      // A copy: what is kept must not keep the whole of what it came in.
      else this.keep(new Uint8Array(bytes.subarray(from)));
      from = end + 1;
    }
  }

  /** The last line, where it has no newline; null where nothing is pending. Only for a stream that is complete. */
  end(): Line | null {
    return this.pendingBytes > 0 ? this.take(NO_BYTES) : null;
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

  private take(last: Uint8Array): Line {
    const bytes = this.pieces.length === 0 ? last : joined([...this.pieces, last], this.pendingBytes + last.length);
    this.forget();
    return { index: this.nextIndex++, text: this.decoder.decode(bytes) };
  }

  private passOver(goesOn: boolean): Line {
    this.forget();
    this.isPassingOver = goesOn;
    return { index: this.nextIndex++, text: '', isTooLong: true };
  }

  private forget(): void {
    this.pieces = [];
    this.joinedPieces = 0;
    this.pendingBytes = 0;
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
