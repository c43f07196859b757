import type { Subscription } from '@crewtab/domain/ports/runtime';
import { fireDueSchedules, type FireReport, type FiringDeps } from './fire-due-schedules';

/** Sleeps are cut to this, so that a clock that was set, or a lost notification, costs at most so long, ms. */
const LONGEST_SLEEP_MS = 30_000;
const AFTER_FAILURE_MS = 1_000;

/**
 * Fires the moment something is due: sleeps until the next due instant by the database's clock, and is re-armed when
 * schedules change. One per scheduler app; several are harmless.
 */
export class FiringTimer {
  private cancelSleep: (() => void) | null = null;
  private subscription: Subscription | null = null;
  private working: Promise<void> | null = null;
  private isStopped = false;
  private isAskedAgain = false;

  constructor(
    private readonly deps: FiringDeps,
    private readonly onFired: (report: FireReport) => void = () => undefined,
  ) {}

  async start(): Promise<void> {
    this.subscription = await this.deps.fires.onScheduleChanged(() => this.poke());
    this.poke();
  }

  /** Looks now what is due; several calls while one is at work are one more look. */
  poke(): void {
    this.look(false);
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.subscription?.close();
    this.cancelSleep?.();
    await this.working;
  }

  /** @param isAwaited the instant slept for has come: fires at once, since asking first would cost a round trip */
  private look(isAwaited: boolean): void {
    if (this.isStopped) return;
    if (this.working) {
      this.isAskedAgain = true;
      return;
    }
    this.cancelSleep?.();
    this.cancelSleep = null;
    this.working = this.work(isAwaited).finally(() => {
      this.working = null;
      if (!this.isAskedAgain) return;
      this.isAskedAgain = false;
      this.poke();
    });
  }

  private async work(isAwaited: boolean): Promise<void> {
    let sleepMs = AFTER_FAILURE_MS;
    let isForInstant = false;
    try {
      const dueInMs = isAwaited ? 0 : await this.deps.fires.msUntilNextDue();
      if (dueInMs !== null && dueInMs <= 0) {
        this.onFired(await fireDueSchedules(this.deps, () => this.isStopped));
        this.isAskedAgain = true;
        return;
      }
      // Whole milliseconds, and not too early: timers cut off fractions.
      sleepMs = Math.ceil(Math.min(dueInMs ?? LONGEST_SLEEP_MS, LONGEST_SLEEP_MS));
      isForInstant = dueInMs !== null && dueInMs <= LONGEST_SLEEP_MS;
    } catch (error) {
      this.deps.logger.error(
        { error: error instanceof Error ? error.message : String(error) },
        'firing failed; trying again',
      );
    }
    if (!this.isStopped) this.cancelSleep = this.deps.clock.after(sleepMs, () => this.look(isForInstant));
  }
}
