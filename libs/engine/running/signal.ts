import type { Clock } from '@crewtab/domain/ports/clock';

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

  /** Resolves at the next wake, or at `until` (null: only at a wake). */
  async wait(until: Date | null): Promise<void> {
    if (!this.isPending) {
      await new Promise<void>((resolve) => {
        const cancel = until
          ? this.clock.after(Math.max(0, until.getTime() - this.clock.now().getTime()), resolve)
          : null;
        this.resume = () => {
          cancel?.();
          resolve();
        };
      });
    }
    this.resume = null;
    this.isPending = false;
  }
}
