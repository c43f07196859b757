import { errorMessage } from '@crewtab/domain/errors';
import type { Clock } from '@crewtab/domain/ports/clock';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { RunStore } from '@crewtab/domain/ports/run-store';
import type { Runtime } from '@crewtab/domain/ports/runtime';
import { answerWithin, Loop } from '../timing';
import type { RunHolder } from './run-holder';

/** Between two looks, ms. */
export const DISK_EVERY_MS = 10_000;
/** An engine that does not answer by then is asked again with the next look, ms. */
const MEASURE_LIMIT_MS = 60_000;

/**
 * Ends runs that take more of their host's disk than they may. Each worker looks for the runs that it holds, and only while it
 * holds any; the engine answers one such question at a time. What a run writes between two looks is over the limit.
 */
export class DiskWatch {
  private readonly loop: Loop;

  constructor(
    private readonly deps: {
      readonly store: Pick<RunStore, 'installationId'>;
      readonly runtime: Pick<Runtime, 'measureDisk'>;
      readonly holder: Pick<RunHolder, 'heldRunIds' | 'noteDiskFailure'>;
      readonly clock: Clock;
      readonly logger: Logger;
    },
    private readonly limitBytes: number,
  ) {
    this.loop = new Loop({
      clock: deps.clock,
      everyMs: DISK_EVERY_MS,
      work: () => this.iterate(),
      onOverdue: (afterMs) => deps.logger.warn({ afterMs }, 'measuring the disk does not come back; beginning again'),
    });
  }

  start(): void {
    this.loop.startLater();
  }

  async stop(): Promise<void> {
    await this.loop.stop();
  }

  private async iterate(): Promise<void> {
    try {
      await this.look();
    } catch (error) {
      this.deps.logger.warn(
        { error: errorMessage(error) },
        'could not measure what runs take of the disk; trying again',
      );
    }
  }

  private async look(): Promise<void> {
    const { store, runtime, holder, clock, logger } = this.deps;
    if (holder.heldRunIds.length === 0) return;
    const asked = runtime.measureDisk(await store.installationId());
    const bytesByRun = (await answerWithin(clock, MEASURE_LIMIT_MS, asked))?.answer;
    if (!bytesByRun) return;
    for (const runId of holder.heldRunIds) {
      const bytes = bytesByRun.get(runId) ?? 0;
      if (bytes <= this.limitBytes) continue;
      logger.warn({ runId, bytes, limit: this.limitBytes }, 'a run takes too much disk');
      const message = `the run takes ${bytes} bytes of its host's disk, and may take ${this.limitBytes}`;
      holder.noteDiskFailure(runId, { code: 'disk_limit', message });
    }
  }
}
