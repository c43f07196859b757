import { parseCron } from '@crewtab/domain/schedules/cron';
import { nextFire } from '@crewtab/domain/schedules/next-fire';
import type { RepeatOptions } from 'bullmq';

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
