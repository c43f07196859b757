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
    workerOptions: { connection: workerConnection(options.redisUrl), prefix, settings, skipVersionCheck: true },
    logger: options.logger,
  };
}
