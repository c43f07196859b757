import type { Logger } from '@crewtab/domain/ports/logger';
import type { QueueOptions, WorkerOptions } from 'bullmq';
import { DEFAULT_PREFIX } from './queue-names';
import { producerConnection, workerConnection } from './redis-connection';
import { repeatStrategy } from './repeat-strategy';

/** What every queue and worker of a process is opened with. */
export interface QueueSettings {
  readonly producerOptions: QueueOptions;
  readonly workerOptions: WorkerOptions;
  readonly logger: Logger;
}

export function queueSettings(options: {
  readonly redisUrl: string;
  readonly prefix?: string;
  readonly logger: Logger;
}): QueueSettings {
  const prefix = options.prefix ?? DEFAULT_PREFIX;
  const settings = { repeatStrategy };
  return {
    producerOptions: { connection: producerConnection(options.redisUrl), prefix, settings, skipVersionCheck: true },
    // A worker must ask for Redis's version: one that does not know it rounds its waits up to whole seconds, and its
    // ticks come late by as much.
    workerOptions: { connection: workerConnection(options.redisUrl), prefix, settings },
    logger: options.logger,
  };
}
