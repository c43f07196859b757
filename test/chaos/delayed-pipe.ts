import type { Socket } from 'node:net';

/** What is wrong with a link at present; read anew for every chunk. */
export interface LinkFaults {
  delayMs: number;
  swallowed: 'up' | 'down' | 'both' | null;
}

/** One direction of a connection: chunks in their order, late or never as the faults say. */
export class DelayedPipe {
  hasLostBytes = false;
  private readonly waiting: { readonly chunk: Buffer; readonly at: number }[] = [];
  private isEnding = false;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly direction: 'up' | 'down',
    private readonly faults: LinkFaults,
  ) {
    to.on('drain', () => from.resume());
  }

  pass(chunk: Buffer): void {
    if (this.isSwallowed()) {
      this.hasLostBytes = true;
      return;
    }
    if (this.faults.delayMs === 0 && this.waiting.length === 0) return this.write(chunk);
    this.waiting.push({ chunk, at: performance.now() + this.faults.delayMs });
    if (this.waiting.length === 1) this.wake();
  }

  /** The sender has said its last; what is still under way comes first. */
  end(): void {
    if (this.isSwallowed()) {
      this.hasLostBytes = true;
      return;
    }
    this.isEnding = true;
    if (this.waiting.length === 0) this.to.end();
  }

  /** One timer for the first in the queue: several might come out of order. */
  private wake(): void {
    const [first] = this.waiting;
    if (first === undefined) return;
    setTimeout(
      () => {
        this.waiting.shift();
        this.write(first.chunk);
        if (this.waiting.length > 0) this.wake();
        else if (this.isEnding) this.to.end();
      },
      Math.max(0, first.at - performance.now()),
    );
  }

  private write(chunk: Buffer): void {
    if (this.to.writable && !this.to.write(chunk)) this.from.pause();
  }

  private isSwallowed(): boolean {
    return this.faults.swallowed === this.direction || this.faults.swallowed === 'both';
  }
}
