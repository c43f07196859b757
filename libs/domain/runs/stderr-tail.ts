import type { Failure } from '../errors';

const MOST_LINES = 5;
const MOST_CHARS = 500;

/** The last lines of an agent's stderr: what a person needs first when it ended without a word on the wire. */
export class StderrTail {
  private lines: string[] = [];

  add(line: string): void {
    if (line.trim() === '') return;
    this.lines.push(line.slice(0, MOST_CHARS));
    if (this.lines.length > MOST_LINES) this.lines.shift();
  }

  /** The failure with the last words behind its message; unchanged where there are none. */
  appendTo(failure: Failure): Failure {
    if (this.lines.length === 0) return failure;
    const words = this.lines.join('\n');
    const shown = words.length > MOST_CHARS ? `…${words.slice(-MOST_CHARS)}` : words;
    return { ...failure, message: `${failure.message}; its last words on stderr:\n${shown}` };
  }
}
