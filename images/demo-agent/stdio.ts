import { finished } from 'node:stream';
import type { Writable } from 'node:stream';
import { ndJsonStream } from '@agentclientprotocol/sdk';
import type { Stream } from '@agentclientprotocol/sdk';

/** A writer that outlives its reader: what can't be written any more is dropped. */
export class StdioWriter {
  constructor(private readonly stream: Writable) {
    stream.on('error', () => undefined);
  }

  /** Resolves when the bytes were handed to the operating system, or when nothing reads them any more. */
  write(data: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.stream.write(data, () => resolve());
    });
  }
}

/**
 * ACP's messages on stdin and stdout. Not by `Readable.toWeb`, which reads on after `process.stdin.pause()`, and not by
 * `Writable.toWeb`, which ends the conversation when the reader goes.
 */
export function stdioStream(): Stream {
  const stdout = new StdioWriter(process.stdout);
  const input = new ReadableStream<Uint8Array>({
    start(controller) {
      process.stdin.on('data', (chunk: Buffer) => controller.enqueue(chunk));
      finished(process.stdin, () => controller.close());
    },
  });
  return ndJsonStream(new WritableStream<Uint8Array>({ write: (bytes) => stdout.write(bytes) }), input);
}
