import type { Clock, TimeSource } from '@crewtab/domain/ports/clock';
import type { Logger } from '@crewtab/domain/ports/logger';
import { AppError } from '@crewtab/domain/errors';

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

/** Between two questions what time it is, ms. */
const ASK_EVERY_MS = 5_000;
/** A correction beyond this is no drift: the database's clock was set, or this machine slept, ms. */
const STEP_MS = 1_000;

/**
 * The database's time, told by this process's monotonic clock. A machine whose wall clock is wrong, or is set while
 * runs go on, ends no run early or late, and two workers agree about every deadline.
 *
 * Each answer of the database says: its clock minus ours lies between (answer − when we heard it) and (answer − when
 * we asked). The offset starts at the lower end and is only moved as far as a new answer demands, so slow answers, which
 * say little, change little. It errs to the late side, by one fast round trip: a deadline is never seen before the
 * database itself would see it.
 *
 * Modes: new (the machine's time) → running → stopped. While the database does not answer, the last offset holds, and
 * the machine's oscillator alone counts.
 */
export class StoreClock implements Clock {
  private offsetMs: number | null = null;
  private cancelTimer: (() => void) | null = null;
  private asking: Promise<void> = Promise.resolve();
  private isStopped = false;
  private hasFailed = false;

  constructor(
    private readonly source: TimeSource,
    private readonly machine: Clock,
    private readonly logger: Logger,
    private readonly everyMs: number = ASK_EVERY_MS,
  ) {}

  /** Resolves once the database has said what time it is; throws when it does not. Then goes on asking by itself. */
  async start(): Promise<void> {
    await this.synchronize();
    this.arm();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.cancelTimer?.();
    await this.asking;
  }

  now(): Date {
    if (this.offsetMs === null) return this.machine.now();
    return new Date(this.machine.monotonicMs() + this.offsetMs);
  }

  monotonicMs(): number {
    return this.machine.monotonicMs();
  }

  after(delayMs: number, callback: () => void): () => void {
    return this.machine.after(delayMs, callback);
  }

  /** Asks once. Throws as the source does, and keeps the offset then. */
  async synchronize(): Promise<void> {
    const askedAtMs = this.machine.monotonicMs();
    const answerMs = (await this.source.now()).getTime();
    const heardAtMs = this.machine.monotonicMs();
    const [lowest, highest] = [answerMs - heardAtMs, answerMs - askedAtMs];
    const before = this.offsetMs ?? lowest;
    this.offsetMs = Math.min(Math.max(before, lowest), highest);
    const stepMs = Math.round(this.offsetMs - before);
    if (Math.abs(stepMs) > STEP_MS) {
      this.logger.warn(
        { stepMs },
        "the database's clock was set, or this machine slept; going by the database's clock",
      );
    }
  }

  private arm(): void {
    if (this.isStopped) return;
    this.cancelTimer = this.machine.after(this.everyMs, () => {
      this.asking = this.ask().finally(() => this.arm());
    });
  }

  private async ask(): Promise<void> {
    try {
      await this.synchronize();
      this.hasFailed = false;
    } catch (error) {
      // Said once: while the database is away, everything else says so too.
      if (!this.hasFailed) {
        this.logger.warn({ error: String(error) }, 'the database did not say what time it is; the last answer holds');
      }
      this.hasFailed = true;
    }
  }
}

/** An iteration that has not come back after so long is abandoned, ms. Every call in it has a shorter limit of its own. */
export const ITERATION_LIMIT_MS = 120_000;

export interface LoopOptions {
  readonly clock: Clock;
  /** Between the end of an iteration and the next one, ms. */
  readonly everyMs: number;
  /** One iteration. It must not reject, and two of them side by side must do no harm. */
  readonly work: () => Promise<void>;
  /** Called when an iteration is abandoned; it may still come to its end later. */
  readonly onOverdue: (afterMs: number) => void;
  readonly limitMs?: number;
}

/** Work that is repeated for as long as the process lives, even if one iteration hangs for ever. */
export class Loop {
  private cancelTimer: (() => void) | null = null;
  private working: Promise<unknown> = Promise.resolve();
  private isStopped = false;

  constructor(private readonly options: LoopOptions) {}

  /** Begins an iteration now; the next ones follow by themselves. */
  start(): void {
    this.working = this.iterate();
    void this.working.finally(() => this.arm());
  }

  /** Begins the first iteration after the usual time. */
  startLater(): void {
    this.arm();
  }

  /** Resolves when no iteration is under way any more, or the one under way is overdue. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.cancelTimer?.();
    await this.working;
  }

  private async iterate(): Promise<void> {
    const { clock, work, onOverdue, limitMs = ITERATION_LIMIT_MS } = this.options;
    if (!(await isSettledWithin(clock, limitMs, work()))) onOverdue(limitMs);
  }

  private arm(): void {
    if (this.isStopped) return;
    this.cancelTimer = this.options.clock.after(this.options.everyMs, () => this.start());
  }
}

/** Lets work through one after the other, in the order in which it came. */
export class OneAtATime {
  private last: Promise<void> = Promise.resolve();

  do(work: () => Promise<void>): Promise<void> {
    const done = this.last.then(work);
    this.last = done.catch(() => undefined);
    return done;
  }
}

/** The work's answer; null when none came within `ms`. The work goes on, and what becomes of it later is not seen. */
export async function answerWithin<T>(
  clock: Clock,
  ms: number,
  work: Promise<T>,
): Promise<{ readonly answer: T } | null> {
  let cancel: () => void = () => undefined;
  const timeUp = new Promise<null>((resolve) => (cancel = clock.after(ms, () => resolve(null))));
  try {
    return await Promise.race([work.then((answer) => ({ answer })), timeUp]);
  } finally {
    cancel();
  }
}

/** Resolves to true as soon as the work is over, in whatever way; to false when it is not over after `ms`. */
export async function isSettledWithin(clock: Clock, ms: number, work: Promise<unknown>): Promise<boolean> {
  const over = (): true => true;
  return (await answerWithin(clock, ms, work.then(over, over))) !== null;
}

/** While an instant is awaited, the clock is looked at this often: it may be set, and the instant come sooner, ms. */
const LOOK_EVERY_MS = 5_000;

/**
 * A wake-up that is never lost: a `wake()` before `wait` makes the next `wait` return at once. Many wakes before
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

/** Repeats an idempotent call while its failure is retryable and it is not stopped. */
export async function retrying<T>(clock: Clock, isStopped: () => boolean, call: () => Promise<T>): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof AppError) || !error.retryable || isStopped()) throw error;
      await new Promise<void>((resolve) => clock.after(backoffMs(failures, 100, 2_000), resolve));
    }
  }
}

/** Delay before attempt number `failures + 1`, doubling from `firstMs` to at most `capMs`. */
export function backoffMs(failures: number, firstMs: number, capMs: number): number {
  return Math.min(capMs, firstMs * 2 ** Math.min(failures - 1, 30));
}
