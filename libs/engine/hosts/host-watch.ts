import { SIGN_EVERY_MS } from '@crewtab/domain/hosts/host-loss';
import type { Clock } from '@crewtab/domain/ports/clock';
import type { HostStore, LostRun, SchedulerSign } from '@crewtab/domain/ports/host-store';
import type { Logger } from '@crewtab/domain/ports/logger';
import { Rounds } from '../rounds';

export interface WatchDeps {
  readonly hosts: Pick<HostStore, 'noteScheduler' | 'forgetScheduler' | 'endLostRuns'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of every run that it ended, for metrics. */
  readonly onLost?: (run: LostRun) => void;
}

export interface WatchOptions {
  readonly about: Omit<SchedulerSign, 'sweeper'>;
  /** When the sweeper last completed a pass, by `clock`, and why the latest failed. */
  readonly sweeper: () => { readonly lastPassAt: Date | null; readonly lastError: string | null };
  /** How long a host may be silent, ms. */
  readonly silenceLimitMs: number;
}

/**
 * Watches that hosts give signs of life, and ends the runs of those that do not. Every scheduler app has one; they do not
 * disturb each other. Each witnesses only what it saw itself: its own sign comes first, and a gap in its signs begins its
 * watch anew.
 */
export class HostWatch {
  private readonly rounds: Rounds;

  constructor(
    private readonly deps: WatchDeps,
    private readonly options: WatchOptions,
    everyMs: number = SIGN_EVERY_MS,
  ) {
    this.rounds = new Rounds({
      clock: deps.clock,
      everyMs,
      work: () => this.tryPass(),
      onOverdue: (afterMs) => deps.logger.error({ afterMs }, 'watching the hosts does not come back; beginning again'),
    });
  }

  start(): void {
    this.rounds.start();
  }

  /** Takes the scheduler's row along. */
  async stop(): Promise<void> {
    await this.rounds.stop();
    try {
      await this.deps.hosts.forgetScheduler(this.options.about.id);
    } catch (error) {
      this.deps.logger.warn(
        { error: wordsOf(error) },
        'could not say goodbye; the row of this scheduler goes by itself',
      );
    }
  }

  /** One pass: its own sign, then the runs that nobody comes back for. */
  async pass(): Promise<LostRun[]> {
    const { hosts, clock, logger, onLost } = this.deps;
    const { about, sweeper, silenceLimitMs } = this.options;
    const { lastPassAt, lastError } = sweeper();
    const lastPassAgoMs = lastPassAt && Math.max(0, clock.now().getTime() - lastPassAt.getTime());
    await hosts.noteScheduler({ ...about, sweeper: { lastPassAgoMs, error: lastError } });
    const lost = await hosts.endLostRuns(about.id, silenceLimitMs);
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

  private async tryPass(): Promise<void> {
    try {
      await this.pass();
    } catch (error) {
      this.deps.logger.error({ error: wordsOf(error) }, 'watching the hosts failed; trying again');
    }
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
