import type { Clock } from '@crewtab/domain/ports/clock';
import type { FireStore } from '@crewtab/domain/ports/fire-store';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { DeletedBatch, HistoryKind, RetentionStore } from '@crewtab/domain/ports/retention-store';
import { Loop } from '../timing';

/** Between two iterations, ms. */
const EVERY_MS = 60_000;
/** An iteration ends after this and leaves the rest to the next one, ms: a loop gives up an iteration of two minutes. */
const ITERATION_MS = 60_000;
/** Rows of one transaction: a fraction of a second, so that deleted rows can be vacuumed and no writer waits. */
const BATCH = 500;
/** Between two transactions, ms: at least as long as the database needs for other work. */
const PAUSE_MS = 100;
const KINDS: readonly HistoryKind[] = ['messages', 'runs', 'events'];

export interface RetentionDeps {
  readonly history: RetentionStore;
  readonly fires: Pick<FireStore, 'withSingleWriter'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of every batch, for metrics. */
  readonly onDeleted?: (batch: DeletedBatch) => void;
}

/** Since the end of a run, or since the event, ms; null: for ever. */
export type Retention = Readonly<Record<HistoryKind, number | null>>;

/**
 * Deletes history that is older than the settings say, in small batches. Every scheduler app has one, and one at a time works;
 * a second one that works by mistake does no harm.
 */
export class HistoryRetention {
  private readonly loop: Loop;
  private isStopped = false;

  constructor(
    private readonly deps: RetentionDeps,
    private readonly retention: Retention,
  ) {
    this.loop = new Loop({
      clock: deps.clock,
      everyMs: EVERY_MS,
      work: () => this.tryIteration(),
      onOverdue: (afterMs) =>
        deps.logger.error({ afterMs }, 'deleting old history does not come back; beginning again'),
    });
  }

  /** Does nothing where no retention is set. */
  start(): void {
    if (KINDS.some((kind) => this.retention[kind] !== null)) this.loop.startLater();
  }

  /** Resolves after the batch under way. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.loop.stop();
  }

  /** One iteration. @returns the rows that are gone */
  async deleteOld(): Promise<Omit<DeletedBatch, 'next'>> {
    const total = { runs: 0, messages: 0, events: 0 };
    const until = this.deps.clock.monotonicMs() + ITERATION_MS;
    await this.deps.fires.withSingleWriter('retention', async () => {
      for (const kind of KINDS) {
        const minAgeMs = this.retention[kind];
        if (minAgeMs === null) continue;
        for await (const batch of this.batches(kind, minAgeMs, until)) {
          total.runs += batch.runs;
          total.messages += batch.messages;
          total.events += batch.events;
        }
      }
    });
    return total;
  }

  private async *batches(kind: HistoryKind, minAgeMs: number, until: number): AsyncGenerator<DeletedBatch> {
    const { history, clock, onDeleted } = this.deps;
    let after: string | null = null;
    while (!this.isStopped && clock.monotonicMs() < until) {
      const batch = await history.deleteHistory(kind, minAgeMs, BATCH, after);
      onDeleted?.(batch);
      yield batch;
      after = batch.next;
      if (after === null) return;
      await new Promise<void>((resolve) => clock.after(PAUSE_MS, resolve));
    }
  }

  private async tryIteration(): Promise<void> {
    const { logger } = this.deps;
    try {
      const { runs, messages, events } = await this.deleteOld();
      if (runs + messages + events > 0)
        logger.info({ runs, messages, events }, 'deleted old history, as the retention says');
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      logger.warn({ error: why }, 'deleting old history failed; trying again');
    }
  }
}
