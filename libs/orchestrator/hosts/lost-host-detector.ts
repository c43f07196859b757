import { errorMessage } from '@crewtab/domain/errors';
import { HEARTBEAT_EVERY_MS } from '@crewtab/domain/hosts/host-loss';
import type { Clock } from '@crewtab/domain/ports/clock';
import type { HostStore, LostRun, SchedulerHeartbeat } from '@crewtab/domain/ports/host-store';
import type { Logger } from '@crewtab/domain/ports/logger';
import { Loop } from '../timing';

export interface DetectorDeps {
  readonly hosts: Pick<HostStore, 'noteScheduler' | 'forgetScheduler' | 'endLostRuns'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of every run that it ended, for metrics. */
  readonly onLost?: (run: LostRun) => void;
}

export interface DetectorOptions {
  readonly about: Omit<SchedulerHeartbeat, 'sweeper'>;
  /** When the sweeper last completed an iteration, by `clock`, and why the latest failed. */
  readonly sweeper: () => { readonly lastIterationAt: Date | null; readonly lastError: string | null };
  /** How long a host may send no heartbeat, ms. */
  readonly hostTimeoutMs: number;
}

/**
 * Watches that hosts send heartbeats, and ends the runs of those that do not. Every scheduler app has one; they do not
 * disturb each other. Each witnesses only what it saw itself: its own heartbeat comes first, and a gap in its
 * heartbeats begins its watch anew.
 */
export class LostHostDetector {
  private readonly loop: Loop;

  constructor(
    private readonly deps: DetectorDeps,
    private readonly options: DetectorOptions,
    everyMs: number = HEARTBEAT_EVERY_MS,
  ) {
    this.loop = new Loop({
      clock: deps.clock,
      everyMs,
      work: () => this.tryIterate(),
      onOverdue: (afterMs) => deps.logger.error({ afterMs }, 'watching the hosts does not come back; beginning again'),
    });
  }

  start(): void {
    this.loop.start();
  }

  /** Takes the scheduler's row along. */
  async stop(): Promise<void> {
    await this.loop.stop();
    try {
      await this.deps.hosts.forgetScheduler(this.options.about.id);
    } catch (error) {
      this.deps.logger.warn(
        { error: errorMessage(error) },
        'could not say goodbye; the row of this scheduler goes by itself',
      );
    }
  }

  /** One iteration: its own heartbeat, then the runs whose workers do not come back. */
  async iterate(): Promise<LostRun[]> {
    const { hosts, clock, logger, onLost } = this.deps;
    const { about, sweeper, hostTimeoutMs } = this.options;
    const { lastIterationAt, lastError } = sweeper();
    const lastIterationAgoMs = lastIterationAt && Math.max(0, clock.now().getTime() - lastIterationAt.getTime());
    await hosts.noteScheduler({ ...about, sweeper: { lastIterationAgoMs, error: lastError } });
    const lost = await hosts.endLostRuns(about.id, hostTimeoutMs);
    for (const run of lost) {
      const { runId, host, phase, status, error } = run;
      logger.error(
        { runId, host, phase, status, code: error.code, why: error.message },
        'ended a run whose worker does not come back; its host owes the removal',
      );
      onLost?.(run);
    }
    return lost;
  }

  private async tryIterate(): Promise<void> {
    try {
      await this.iterate();
    } catch (error) {
      this.deps.logger.error({ error: errorMessage(error) }, 'watching the hosts failed; trying again');
    }
  }
}
