import type { Clock } from '@crewtab/domain/ports/clock';

/** While an instant is awaited, the clock is looked at this often: it may be set, and the instant come sooner, ms. */
const LOOK_EVERY_MS = 5_000;

/**
 * A wake-up that is never lost: a `wake()` while nobody waits makes the next `wait` return at once. Many wakes before
 * one wait are one.
 */
export class WakeUp {
  private isPending = false;
  private resume: (() => void) | null = null;

  constructor(private readonly clock: Clock) {}

  wake(): void {
    this.isPending = true;
    this.resume?.();
  }

  /** Resolves at the next wake, or when the clock shows `until` (null: only at a wake). */
  async wait(until: Date | null): Promise<void> {
    if (!this.isPending) {
      await new Promise<void>((resolve) => {
        let cancel: () => void = () => undefined;
        const look = (): void => {
          const leftMs = until === null ? Infinity : until.getTime() - this.clock.now().getTime();
          if (leftMs <= 0) resolve();
          else cancel = this.clock.after(Math.min(leftMs, LOOK_EVERY_MS), look);
        };
        if (until !== null) look();
        this.resume = () => {
          cancel();
          resolve();
        };
      });
    }
    this.resume = null;
    this.isPending = false;
  }
}
