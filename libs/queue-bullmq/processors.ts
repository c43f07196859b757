import { effect } from '@crewtab/domain/failpoint';
import { Processor, WorkerHost } from '@nestjs/bullmq';
import { type Job, WaitingError, type WorkerOptions } from 'bullmq';
import { type RunJob, RUNS_QUEUE, stepsQueue, TICKS_QUEUE } from './bullmq-run-queue';

/**
 * Makes many calls into few: while one is at work, those that come share the next one, which begins only after they
 * came and so sees all that they were about. Everyone gets the answer, or the error, of the call that served them.
 */
export function shareCalls<T>(work: () => Promise<T>): () => Promise<T> {
  let current: Promise<unknown> | null = null;
  let next: Promise<T> | null = null;
  const begin = (): Promise<T> => {
    next = null;
    const working = work();
    const settled = working.then(
      () => undefined,
      () => undefined,
    );
    current = settled;
    void settled.then(() => {
      if (current === settled) current = null;
    });
    return working;
  };
  return () => {
    if (current) next ??= current.then(begin);
    return next ?? begin();
  };
}

/** Ticks taken at once: a thousand schedules that ring together are served by a few calls instead of a thousand. */
export const TICKS_AT_ONCE = 100;

/**
 * Consumes the job schedulers' ticks: whatever rang, everything that is due fires. One call serves all ticks that came
 * before it began.
 * @param workerOptions without `connection`, which the registered queue brings
 */
export function ticksProcessor(
  fire: () => Promise<unknown>,
  workerOptions: Omit<WorkerOptions, 'connection'>,
): WorkerHost {
  const fireForAll = shareCalls(fire);
  @Processor(TICKS_QUEUE, { ...workerOptions, concurrency: TICKS_AT_ONCE })
  class TicksProcessor extends WorkerHost {
    async process(): Promise<void> {
      await fireForAll();
    }
  }
  return new TicksProcessor();
}

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

/** Consumes the wake-ups of one host: runs whose owner is gone are to be taken over. */
export function stepsProcessor(
  host: string,
  adopt: () => Promise<unknown>,
  workerOptions: Omit<WorkerOptions, 'connection'>,
): WorkerHost {
  @Processor(stepsQueue(host), { ...workerOptions, concurrency: 1 })
  class StepsProcessor extends WorkerHost {
    async process(): Promise<void> {
      await adopt();
    }
  }
  return new StepsProcessor();
}
