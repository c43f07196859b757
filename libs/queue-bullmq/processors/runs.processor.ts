import { effect } from '@crewtab/domain/failpoint';
import { Processor, WorkerHost } from '@nestjs/bullmq';
import { WaitingError, type Job, type WorkerOptions } from 'bullmq';
import type { RunJob } from '../bullmq-run-queue';
import { RUNS_QUEUE } from '../queue-names';

/** What the `runs` queue asks of a worker; see the engine's RunHolder. */
export interface RunTaker {
  take(runId: string): Promise<'taken' | 'full' | 'unavailable'>;
}

/** A worker that can be told to take no further runs for now. */
export interface PausableProcessor extends WorkerHost {
  /** Idempotent. */
  setHasCapacity(hasCapacity: boolean): void;
}

/**
 * Consumes offered runs. A job ends as soon as the run is claimed: the run goes on outside of it. One at a time, so
 * that a worker which becomes full has at most one job too many in its hand, and gives that one back.
 */
export function runsProcessor(taker: RunTaker, workerOptions: Omit<WorkerOptions, 'connection'>): PausableProcessor {
  @Processor(RUNS_QUEUE, { ...workerOptions, concurrency: 1 })
  class RunsProcessor extends WorkerHost {
    async process(job: Job<RunJob>, token?: string): Promise<void> {
      if ((await taker.take(job.data.runId)) !== 'full') return;
      // Not delayed: workers judge by their own clocks when a delay is over, and one of them may be an hour off.
      await effect('queue.run.give-back', () => job.moveToWait(token));
      throw new WaitingError();
    }

    setHasCapacity(hasCapacity: boolean): void {
      if (hasCapacity && (this.worker.isPaused() || !this.worker.isRunning())) void this.worker.resume();
      if (!hasCapacity && !this.worker.isPaused()) void this.worker.pause(true);
    }
  }
  return new RunsProcessor();
}
