import { PROGRAM_OUTPUT_BYTES } from '../ports/runtime';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Keeps the end of a program's output, and counts all of it. */
export class OutputTail {
  /** All that was written, bytes. */
  bytes = 0;
  private readonly lines: Uint8Array[] = [];
  private keptBytes = 0;

  /** @param line without its newline */
  add(line: string): void {
    const encoded = encoder.encode(`${line}\n`);
    this.bytes += encoded.length;
    this.lines.push(encoded.subarray(-PROGRAM_OUTPUT_BYTES));
    this.keptBytes += Math.min(encoded.length, PROGRAM_OUTPUT_BYTES);
    while (this.keptBytes > PROGRAM_OUTPUT_BYTES) this.keptBytes -= this.lines.shift()?.length ?? 0;
  }

  get text(): string {
    return this.lines.map((line) => decoder.decode(line)).join('');
  }
}
