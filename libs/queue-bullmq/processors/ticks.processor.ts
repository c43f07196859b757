import { Processor, WorkerHost } from '@nestjs/bullmq';
import type { WorkerOptions } from 'bullmq';
import { TICKS_QUEUE } from '../queue-names';

/**
 * Consumes the alarm clocks' ticks: whatever rang, everything that is due fires.
 * @param workerOptions without `connection`, which the registered queue brings
 */
export function ticksProcessor(
  fire: () => Promise<unknown>,
  workerOptions: Omit<WorkerOptions, 'connection'>,
): WorkerHost {
  @Processor(TICKS_QUEUE, { ...workerOptions, concurrency: 1 })
  class TicksProcessor extends WorkerHost {
    async process(): Promise<void> {
      await fire();
    }
  }
  return new TicksProcessor();
}
