import type { ArtifactIndex } from '@crewtab/domain/ports/artifact-index';
import type { ArtifactStore } from '@crewtab/domain/ports/artifact-store';
import type { Clock } from '@crewtab/domain/ports/clock';
import type { FireStore } from '@crewtab/domain/ports/fire-store';
import type { Logger } from '@crewtab/domain/ports/logger';
import { Loop } from '../timing';

/** Between two iterations, ms. */
const EVERY_MS = 60_000;
/** An iteration ends after this and leaves the rest to the next one, ms. */
const ITERATION_MS = 60_000;
const BATCH = 100;

export interface ArtifactRetentionDeps {
  readonly index: ArtifactIndex;
  readonly store: ArtifactStore;
  readonly fires: Pick<FireStore, 'withSingleWriter'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of every run whose files are gone, for metrics. */
  readonly onRemoved?: () => void;
}

/**
 * Removes the files of runs that are deleted, and of those whose artifacts are older than the setting says (null: none are).
 * A file goes only after the row that lists it; a crash in between leaves a request for the removal, which is done again.
 */
export class ArtifactRetention {
  private readonly loop: Loop;
  private isStopped = false;

  constructor(
    private readonly deps: ArtifactRetentionDeps,
    private readonly keptMs: number | null,
  ) {
    this.loop = new Loop({
      clock: deps.clock,
      everyMs: EVERY_MS,
      work: () => this.tryIteration(),
      onOverdue: (afterMs) => deps.logger.error({ afterMs }, 'removing artifacts does not come back; beginning again'),
    });
  }

  start(): void {
    this.loop.startLater();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.loop.stop();
  }

  /** One iteration. @returns the runs whose files are gone */
  async removeOld(): Promise<number> {
    const { index, store, fires, clock, onRemoved } = this.deps;
    const until = clock.monotonicMs() + ITERATION_MS;
    const isOver = (): boolean => this.isStopped || clock.monotonicMs() >= until;
    let removed = 0;
    await fires.withSingleWriter('artifacts', async () => {
      if (this.keptMs !== null) while ((await index.expireArtifacts(this.keptMs, BATCH)) === BATCH && !isOver());
      for (let runIds = await index.findRemovals(BATCH); runIds.length > 0 && !isOver();) {
        for (const runId of runIds) {
          if (isOver()) return;
          await store.removeRun(runId);
          await index.forgetRemoval(runId);
          removed += 1;
          onRemoved?.();
        }
        runIds = await index.findRemovals(BATCH);
      }
    });
    return removed;
  }

  private async tryIteration(): Promise<void> {
    const { logger } = this.deps;
    try {
      const runs = await this.removeOld();
      if (runs > 0) logger.info({ runs }, 'removed the artifacts of runs that are kept no longer');
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      logger.warn({ error: why }, 'removing artifacts failed; trying again');
    }
  }
}
