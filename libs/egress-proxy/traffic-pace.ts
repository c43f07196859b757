import type { Socket } from 'node:net';
import { RateLimiterMemory, RateLimiterQueue } from 'rate-limiter-flexible';

export interface PaceLimits {
  /** New ones of one run, a second: the next ones wait. */
  readonly connectionsPerSecond: number;
  /** Both ways together, of one run, on average. */
  readonly bytesPerSecond: number;
}

/** Of a pace that was exceeded, how often it is seen whether its time has come, ms. */
export const PACE_EVERY_MS = 50;

/**
 * How fast a run may use the network. Beyond it nothing is refused: connections wait for their turn, and open ones are neither
 * read nor written for a while, which their far ends feel as a slow line.
 */
export class TrafficPace {
  private readonly turns: RateLimiterQueue;
  private readonly held = new Set<Socket>();
  private readonly guarded = new WeakSet<Socket>();
  /** Bytes beyond the pace, which time pays off. */
  private debt = 0;
  private paidAtMs = performance.now();

  /** @param waiting the most connections that may wait; a caller has fewer */
  constructor(
    private readonly limits: PaceLimits,
    waiting: number,
  ) {
    const limiter = new RateLimiterMemory({ points: limits.connectionsPerSecond, duration: 1 });
    this.turns = new RateLimiterQueue(limiter, { maxQueueSize: waiting });
  }

  /** Resolves when one more connection may be opened. */
  async nextConnection(): Promise<void> {
    await this.turns.removeTokens(1);
  }

  /**
   * @param bytes that passed since the last call
   * @param sockets all that are open
   */
  note(bytes: number, sockets: Iterable<Socket>): void {
    const nowMs = performance.now();
    const paid = ((nowMs - this.paidAtMs) / 1_000) * this.limits.bytesPerSecond;
    this.paidAtMs = nowMs;
    this.debt = Math.max(0, this.debt + bytes - paid);
    if (this.debt > 0) for (const socket of sockets) this.hold(socket);
    else for (const socket of [...this.held]) this.release(socket);
  }

  private hold(socket: Socket): void {
    if (this.held.has(socket)) return;
    this.held.add(socket);
    // A full buffer keeps its other end from being read.
    socket.cork();
    socket.pause();
    if (this.guarded.has(socket)) return;
    this.guarded.add(socket);
    socket.once('close', () => this.held.delete(socket));
    // A pipe goes on by itself once its far end has taken what it had.
    socket.on('resume', () => {
      if (this.held.has(socket)) socket.pause();
    });
  }

  private release(socket: Socket): void {
    this.held.delete(socket);
    socket.uncork();
    socket.resume();
  }
}
