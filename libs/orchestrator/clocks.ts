import type { Clock, TimeSource } from '@crewtab/domain/ports/clock';
import type { Logger } from '@crewtab/domain/ports/logger';

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
