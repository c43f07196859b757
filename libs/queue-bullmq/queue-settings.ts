import type { Logger } from '@crewtab/domain/ports/logger';
import { parseCron } from '@crewtab/domain/schedules/cron';
import { nextFire } from '@crewtab/domain/schedules/next-fire';
import type { QueueOptions, RepeatOptions, WorkerOptions } from 'bullmq';
import { DEFAULT_PREFIX } from './queue-names';
import { producerConnection, workerConnection } from './redis-connection';

/**
 * A job lasts for one statement or two, and its lock is renewed while it does. One whose worker died is given to another
 * after the lock and one look for it at most; with BullMQ's defaults of 30 s each, a run whose worker died just before it
 * claimed it waited for over a minute, since it cannot be offered again while its job stands.
 */
const SHORT_JOBS = { lockDuration: 5_000, stalledInterval: 5_000 };

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
    workerOptions: { connection: workerConnection(options.redisUrl), prefix, settings, ...SHORT_JOBS },
    logger: options.logger,
  };
}

/**
 * Our own cron for BullMQ's Job Schedulers, so that ticks agree with Postgres about DST and about what a pattern means
 * (cron-parser, BullMQ's default, was seen to skip a day at a 30-minute gap).
 * @returns the next instant after `millis`, epoch ms; undefined for repeats without a pattern.
 */
export function repeatStrategy(millis: number, options: RepeatOptions): number | undefined {
  if (!options.pattern) return undefined;
  const parsed = parseCron(options.pattern);
  if (!parsed.ok) throw new Error(`cannot read the cron "${options.pattern}": ${parsed.message}`);
  return nextFire(parsed.cron, options.tz ?? 'UTC', new Date(millis)).getTime();
}
