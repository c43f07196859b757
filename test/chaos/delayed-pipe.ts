import type { Socket } from 'node:net';

/** What is wrong with a link at present; read anew for every chunk. */
export interface LinkFaults {
  delayMs: number;
  swallowed: 'up' | 'down' | 'both' | null;
}

/** One direction of a connection: chunks in their order, late or never as the faults say. */
export class DelayedPipe {
  hasLostBytes = false;
  private lastAt = 0;
  private pending = 0;
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
    const now = performance.now();
    const at = Math.max(now + this.faults.delayMs, this.lastAt);
    if (at <= now && this.pending === 0) return this.write(chunk);
    this.lastAt = at;
    this.pending++;
    setTimeout(() => {
      this.pending--;
      this.write(chunk);
      if (this.isEnding && this.pending === 0) this.to.end();
    }, at - now);
  }

  /** The sender has said its last; what is still under way comes first. */
  end(): void {
    if (this.isSwallowed()) {
      this.hasLostBytes = true;
      return;
    }
    this.isEnding = true;
    if (this.pending === 0) this.to.end();
  }

  private write(chunk: Buffer): void {
    if (this.to.writable && !this.to.write(chunk)) this.from.pause();
  }

  private isSwallowed(): boolean {
    return this.faults.swallowed === this.direction || this.faults.swallowed === 'both';
  }
}
