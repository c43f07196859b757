import type { Response } from 'express';

/** How long a browser waits before it connects again, in ms. */
const RETRY_MS = 2_000;

/** JSON has no line breaks, so one `data:` line holds it. A buffer can be sent to many clients without a copy for each. */
export function encodeEvent(event: string, id: string, json: string): Buffer {
  return Buffer.from(`event: ${event}\nid: ${id}\ndata: ${json}\n\n`, 'utf8');
}

/** Writes server-sent events to one client, no faster than it reads. */
export class SseWriter {
  private isGone = false;
  private readonly onGone: (() => void)[] = [];

  constructor(private readonly response: Response) {
    response.once('close', () => {
      this.isGone = true;
      for (const callback of this.onGone) callback();
    });
  }

  /** True once the client has gone or the stream was ended; nothing is written any more then. */
  get isClosed(): boolean {
    return this.isGone || this.response.writableEnded || this.response.destroyed;
  }

  onClose(callback: () => void): void {
    this.onGone.push(callback);
  }

  /** Sends the head. No proxy may buffer or store this. */
  async open(): Promise<void> {
    this.response.status(200).set({
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    });
    this.response.flushHeaders();
    await this.write(`retry: ${RETRY_MS}\n\n`);
  }

  /** Resolves when the client may be sent more. */
  send(event: string, id: string, data: unknown): Promise<void> {
    return this.write(encodeEvent(event, id, JSON.stringify(data)));
  }

  /** As `send`, of what `encodeEvent` made. */
  sendEncoded(chunk: Buffer): Promise<void> {
    return this.write(chunk);
  }

  /** A line that clients ignore: tells proxies, and us, that the connection lives. */
  heartbeat(): Promise<void> {
    return this.write(': alive\n\n');
  }

  /** All was said. */
  end(): void {
    if (!this.isClosed) this.response.end();
  }

  /** Breaks off, so that no client takes it for the end. */
  abort(): void {
    this.response.destroy();
  }

  private write(chunk: string | Buffer): Promise<void> {
    if (this.isClosed || this.response.write(chunk)) return Promise.resolve();
    return new Promise((resolve) => {
      const goOn = (): void => {
        this.response.off('drain', goOn).off('close', goOn);
        resolve();
      };
      this.response.on('drain', goOn).on('close', goOn);
    });
  }
}
