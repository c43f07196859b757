import type { Clock } from '@crewtab/domain/ports/clock';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { RunEventLog } from '@crewtab/domain/ports/run-event-log';
import type { Subscription } from '@crewtab/domain/ports/runtime';
import type { PositionedRunEvent } from '@crewtab/domain/runs/run-event';
import { Loop } from './timing';

/** Events that one transaction numbers, at most. */
const BATCH = 500;
/** A hint that was lost costs at most so long, ms. */
const LOOK_EVERY_MS = 5_000;

export interface FeedDeps {
  readonly events: Pick<RunEventLog, 'number' | 'onWritten'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of every event that this process numbered: over all processes, of each event once. It must not throw. */
  readonly onEvents: (events: readonly PositionedRunEvent[]) => void;
}

/** Gives events their positions as they are written, so that readers meet them. Several processes may; one is enough. */
export class RunEventFeed {
  private readonly loop: Loop;
  private subscription: Subscription | null = null;
  private looking: Promise<void> | null = null;
  private isAskedAgain = false;
  private isStopped = false;

  constructor(private readonly deps: FeedDeps) {
    this.loop = new Loop({
      clock: deps.clock,
      everyMs: LOOK_EVERY_MS,
      work: () => this.look(),
      onOverdue: (afterMs) => deps.logger.error({ afterMs }, 'numbering events does not come back; beginning again'),
    });
  }

  /** Throws `store_unreachable` when it cannot listen. */
  async start(): Promise<void> {
    this.subscription = await this.deps.events.onWritten(() => void this.look());
    this.loop.start();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.subscription?.close();
    await this.loop.stop();
    await this.looking;
  }

  /** Several calls while one is at work are one more look. Never rejects. */
  private look(): Promise<void> {
    this.isAskedAgain = true;
    this.looking ??= this.numberAll().finally(() => (this.looking = null));
    return this.looking;
  }

  private async numberAll(): Promise<void> {
    try {
      while (this.isAskedAgain && !this.isStopped) {
        this.isAskedAgain = false;
        const events = await this.deps.events.number(BATCH);
        if (events.length > 0) this.deps.onEvents(events);
        if (events.length === BATCH) this.isAskedAgain = true;
      }
    } catch (error) {
      this.deps.logger.warn({ error: String(error) }, 'could not number events; trying again');
    }
  }
}
