import type { Clock } from '@crewtab/domain/ports/clock';

/** Node fires timers beyond this at once, ms. Source: https://nodejs.org/api/timers.html (delay over 2147483647 becomes 1). */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The machine's time. */
export class SystemClock implements Clock {
  now(): Date {
    return new Date();
  }

  monotonicMs(): number {
    return performance.now();
  }

  after(delayMs: number, callback: () => void): () => void {
    const endMs = performance.now() + delayMs;
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const leftMs = Math.max(0, endMs - performance.now());
      timer = leftMs > LONGEST_TIMER_MS ? setTimeout(arm, LONGEST_TIMER_MS) : setTimeout(callback, leftMs);
    };
    arm();
    return () => clearTimeout(timer);
  }
}
