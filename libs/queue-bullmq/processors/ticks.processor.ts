import { Processor, WorkerHost } from '@nestjs/bullmq';
import type { WorkerOptions } from 'bullmq';
import { TICKS_QUEUE } from '../queue-names';
import { shareCalls } from './share-calls';

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
