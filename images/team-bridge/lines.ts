import type { Readable } from 'node:stream';

/**
 * Calls back with every whole line of a byte stream. Only `\n` ends a line: node:readline also breaks at U+2028, which may
 * stand unescaped in JSON. A line of many MB is joined once.
 */
export function readLines(stream: Readable, onLine: (line: string) => void): void {
  let parts: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => {
    let from = 0;
    for (let newline = chunk.indexOf(10); newline !== -1; newline = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, newline));
      onLine(Buffer.concat(parts).toString('utf8'));
      parts = [];
      from = newline + 1;
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
  });
}
