import { StringDecoder } from 'node:string_decoder';

/** What our own programs begin a line with that says what is wrong. */
const MARK = '✗';
const MARKED_LINES = 12;
const LAST_LINES = 8;
/** Enough for the lines above: a stage that prints without end costs no memory. */
const KEPT_LINES = 2_000;

/**
 * Passes on what a stage prints as it comes, or at its end where another stage has the terminal, and remembers its
 * lines for the end of a long log.
 */
export class StageOutput {
  #lines = [''];
  /** Null: passed on at once. */
  #held;
  #lastAt = Date.now();

  constructor({ isHeldBack = false } = {}) {
    this.#held = isHeldBack ? [] : null;
  }

  /** @param {import('node:child_process').ChildProcess} child whose piped output it is */
  watch(child) {
    for (const stream of [child.stdout, child.stderr]) this.#watchOne(stream);
  }

  /** Prints what was held back. */
  release() {
    for (const chunk of this.#held ?? []) process.stdout.write(chunk);
    this.#held = null;
  }

  /** @param {string} text whole lines, or a part of one */
  add(text) {
    const [first, ...others] = text.split('\n');
    this.#lines.push(this.#lines.pop() + first, ...others);
    // What is marked is kept, however long ago it was.
    while (this.#lines.length > KEPT_LINES) {
      const dropped = this.#lines.findIndex((line) => !line.startsWith(MARK));
      this.#lines.splice(Math.max(0, dropped), 1);
    }
  }

  /** Since when nothing was printed, ms. */
  get quietMs() {
    return Date.now() - this.#lastAt;
  }

  /** All that is remembered, without empty lines. */
  get lines() {
    return this.#lines.map((line) => line.trimEnd()).filter((line) => line !== '');
  }

  /** @returns the marked lines and the last ones, in their order, without empty ones */
  get tellingLines() {
    const { lines } = this;
    const marked = lines.flatMap((line, index) => (line.startsWith(MARK) ? [index] : [])).slice(0, MARKED_LINES);
    const last = [...lines.keys()].slice(-LAST_LINES);
    return [...new Set([...marked, ...last])].sort((a, b) => a - b).map((index) => lines[index]);
  }

  #watchOne(stream) {
    const decoder = new StringDecoder('utf8');
    stream?.on('data', (chunk) => {
      this.#lastAt = Date.now();
      if (this.#held === null) process.stdout.write(chunk);
      else this.#held.push(chunk);
      this.add(decoder.write(chunk));
    });
  }
}
