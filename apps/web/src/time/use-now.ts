import { useSyncExternalStore } from 'react';

/** One clock for the whole page, so that all times on it move together. */
class PageClock {
  now = new Date();
  private readonly listeners = new Set<() => void>();
  private timer: ReturnType<typeof setInterval> | null = null;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    this.timer ??= setInterval(() => this.tick(), 1_000);
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size > 0 || this.timer === null) return;
      clearInterval(this.timer);
      this.timer = null;
    };
  };

  private tick(): void {
    this.now = new Date();
    for (const listener of this.listeners) listener();
  }
}

const clock = new PageClock();

/** The present, every second. */
export function useNow(): Date {
  return useSyncExternalStore(clock.subscribe, () => clock.now);
}
