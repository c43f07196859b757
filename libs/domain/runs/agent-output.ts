import type { Failure } from '../errors';
import type { AgentEnd } from './observation';

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

/** Most characters (UTF-16 units) that are kept as the result of a turn; the conversation has all of it. */
export const RESULT_CHARS = 1024 * 1024;

const CUT_MARK = '\n[… cut here: the conversation has the whole text]';

/** Gathers a result up to RESULT_CHARS: keeps the beginning and marks the cut. */
export class ResultText {
  private text = '';
  private isCut = false;
  private hasInk = false;

  /** True while nothing but white space came. */
  get isBlank(): boolean {
    return !this.hasInk;
  }

  add(more: string): void {
    if (!this.hasInk) this.hasInk = /\S/.test(more);
    if (this.isCut) return;
    const capacity = RESULT_CHARS - this.text.length;
    if (more.length <= capacity) {
      this.text += more;
    } else {
      this.isCut = true;
      this.text += withoutHalfCharacter(more.slice(0, capacity));
    }
  }

  toString(): string {
    return this.isCut ? `${this.text}${CUT_MARK}` : this.text;
  }
}

/** A cut between the two halves of a surrogate pair would leave a character that is none. */
function withoutHalfCharacter(text: string): string {
  return /[\uD800-\uDBFF]$/.test(text) ? text.slice(0, -1) : text;
}
