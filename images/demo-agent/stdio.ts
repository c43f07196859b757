import type { Readable, Writable } from 'node:stream';

/**
 * Calls back with every whole line of a byte stream, and once when it has ended or broken, with what came after the
 * last newline. Only `\n` ends a line: node:readline also breaks at U+2028, which may stand unescaped in JSON. A line
 * of many MB is joined once.
 */
export function readLines(stream: Readable, onLine: (line: string) => void, onEnd: (rest: string) => void): void {
  let parts: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => {
    let from = 0;
    for (let newline = chunk.indexOf(10); newline !== -1; newline = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, newline));
      const line = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
      parts = [];
      from = newline + 1;
      onLine(line.toString('utf8'));
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
  });
  let hasEnded = false;
  const end = (): void => {
    if (hasEnded) return;
    hasEnded = true;
    onEnd(Buffer.concat(parts).toString('utf8'));
  };
  stream.on('end', end);
  stream.on('close', end);
  stream.on('error', end);
}

/** A writer that outlives its reader: what can't be written any more is dropped. */
export class LineWriter {
  constructor(private readonly stream: Writable) {
    stream.on('error', () => undefined);
  }

  /** Resolves when the text was handed to the operating system, or when nobody reads it any more. */
  write(text: string): Promise<void> {
    return new Promise((resolve) => {
      this.stream.write(text, () => resolve());
    });
  }
}
