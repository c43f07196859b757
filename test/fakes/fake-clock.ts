import type { Clock } from '@crewtab/domain/ports/clock';

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock that stands still until a test moves it. Its wall clock and its monotonic clock move together. */
export class FakeClock implements Clock {
  private elapsedMs = 0;
  private nextOrder = 0;
  private readonly timers = new Set<Timer>();
  private wallOffsetMs: number;

  constructor(startAt: Date = new Date('2026-01-05T09:00:00.000Z')) {
    this.wallOffsetMs = startAt.getTime();
  }

  now(): Date {
    return new Date(this.wallOffsetMs + this.elapsedMs);
  }

  monotonicMs(): number {
    return this.elapsedMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { dueMs: this.elapsedMs + Math.max(0, delayMs), order: this.nextOrder++, callback };
    this.timers.add(timer);
    return () => void this.timers.delete(timer);
  }

  /** Timers that were neither run nor cancelled; a test may hold it against 0. */
  get pendingTimers(): number {
    return this.timers.size;
  }

  /** When the next timer is due; null without one. */
  get nextDueAt(): Date | null {
    const next = this.earliest(Infinity);
    return next ? new Date(this.wallOffsetMs + next.dueMs) : null;
  }

  /**
   * Moves time on and runs every timer that becomes due, in order of its instant, those made on the way included.
   * Before the first, between timers and after the last, everything that waits on settled promises goes on first.
   */
  async advance(ms: number): Promise<void> {
    const targetMs = this.elapsedMs + ms;
    await settle();
    for (let timer = this.earliest(targetMs); timer; timer = this.earliest(targetMs)) {
      this.run(timer);
      await settle();
    }
    this.elapsedMs = targetMs;
    await settle();
  }

  /** As `advance`, without letting promises continue in between. */
  advanceSync(ms: number): void {
    const targetMs = this.elapsedMs + ms;
    for (let timer = this.earliest(targetMs); timer; timer = this.earliest(targetMs)) this.run(timer);
    this.elapsedMs = targetMs;
  }

  /** Moves the wall clock alone, as a person who sets the time does; timers and the monotonic clock do not notice. */
  setWallClock(at: Date): void {
    this.wallOffsetMs = at.getTime() - this.elapsedMs;
  }

  private run(timer: Timer): void {
    this.timers.delete(timer);
    this.elapsedMs = Math.max(this.elapsedMs, timer.dueMs);
    timer.callback();
  }

  private earliest(untilMs: number): Timer | null {
    let found: Timer | null = null;
    for (const timer of this.timers) {
      if (timer.dueMs > untilMs) continue;
      if (!found || timer.dueMs < found.dueMs || (timer.dueMs === found.dueMs && timer.order < found.order))
        found = timer;
    }
    return found;
  }
}

/** Resolves when everything that only waits for settled promises has gone on. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
