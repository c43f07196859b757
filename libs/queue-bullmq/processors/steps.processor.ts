import { Processor, WorkerHost } from '@nestjs/bullmq';
import type { WorkerOptions } from 'bullmq';
import { stepsQueue } from '../queue-names';

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
