import { Loop } from '../timing';
import type { JobSchedulerReconciler } from './job-scheduler-reconciler';
import { fireDueSchedules, type FiringDeps } from './fire-due-schedules';

/** Between two iterations, ms. */
export const SWEEP_EVERY_MS = 5_000;
/** A queued run without a worker for so long is offered again, ms. */
const OFFER_AGAIN_AFTER_MS = 5_000;
const BATCH = 1_000;

export interface SweepReport {
  readonly fired: number;
  readonly offered: number;
  readonly woken: number;
}

/**
 * The safety net under every wake-up: whatever Redis, a timer or a worker lost is found in Postgres and woken again.
 * Every scheduler app has one; they do not disturb each other.
 */
export class ScheduleSweeper {
  private readonly loop: Loop;
  private told = { offered: 0, woken: 0 };
  /** When the last complete iteration ended; null before the first. */
  lastIterationAt: Date | null = null;
  /** Why the latest iteration failed; null when it did not. */
  lastError: string | null = null;

  constructor(
    private readonly deps: FiringDeps,
    private readonly jobSchedulers: JobSchedulerReconciler,
    everyMs: number = SWEEP_EVERY_MS,
  ) {
    this.loop = new Loop({
      clock: deps.clock,
      everyMs,
      work: () => this.iterate(),
      onOverdue: (afterMs) => deps.logger.error({ afterMs }, 'the sweep does not come back; beginning again'),
    });
  }

  start(): void {
    this.loop.start();
  }

  async stop(): Promise<void> {
    await this.loop.stop();
  }

  /**
   * One iteration. Its parts do not depend on each other: one that fails (a schedule that cannot be planned, Redis away)
   * does not keep the others from their work. Throws the first failure once all have had their turn.
   */
  async sweep(): Promise<SweepReport> {
    const [fired, offered, woken, synced] = [
      await settle(async () => (await fireDueSchedules(this.deps)).fired),
      await settle(() => this.offerAgain()),
      await settle(() => this.wakeHosts()),
      await settle(() => this.jobSchedulers.reconcile().then(() => 0)),
    ];
    for (const part of [fired, offered, woken, synced]) if ('error' in part) throw part.error;
    return { fired: valueOf(fired), offered: valueOf(offered), woken: valueOf(woken) };
  }

  private async offerAgain(): Promise<number> {
    const runIds = await this.deps.runs.findOfferable(OFFER_AGAIN_AFTER_MS, BATCH);
    if (runIds.length > 0) await this.deps.queue.offerRuns(runIds);
    return runIds.length;
  }

  private async wakeHosts(): Promise<number> {
    const byHost = new Map<string, string[]>();
    const abandoned = await this.deps.runs.findAbandoned(BATCH);
    for (const { runId, host } of abandoned) byHost.set(host, [...(byHost.get(host) ?? []), runId]);
    for (const [host, runIds] of byHost) await this.deps.queue.wakeHost(host, runIds);
    return abandoned.length;
  }

  private async iterate(): Promise<void> {
    try {
      const report = await this.sweep();
      this.lastIterationAt = this.deps.clock.now();
      this.lastError = null;
      this.tell(report);
    } catch (error) {
      this.lastError = error instanceof Error ? error.message : String(error);
      this.deps.logger.error({ error: this.lastError }, 'sweep failed; trying again');
    }
  }

  /**
   * What recovery did and why: none of it should have been the sweeper's to do. What goes on for long (no workers, an unresponsive
   * host) is told when it changes, not in every iteration.
   */
  private tell({ fired, offered, woken }: SweepReport): void {
    const { logger } = this.deps;
    const before = this.told;
    this.told = { offered, woken };
    if (fired > 0)
      logger.warn({ fired }, 'fired late: no timer and no job scheduler had done so when the schedules were due');
    if (offered > 0 && offered !== before.offered)
      logger.info({ offered }, 'offered queued runs again: no worker has taken them, or Redis lost their jobs');
    if (woken > 0 && woken !== before.woken)
      logger.info({ woken }, 'woke the hosts of begun runs that no living worker holds');
  }
}

type Part = { readonly value: number } | { readonly error: unknown };

async function settle(work: () => Promise<number>): Promise<Part> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error };
  }
}

function valueOf(part: Part): number {
  return 'value' in part ? part.value : 0;
}
