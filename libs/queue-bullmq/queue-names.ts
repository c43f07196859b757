/** Job schedulers: jobs of the Job Schedulers, which only call `fireDueSchedules()`. Never shared with waiting runs. */
export const TICKS_QUEUE = 'ticks';
/** Due runs that no host has begun; any worker takes one. */
export const RUNS_QUEUE = 'runs';

/** Runs whose containers stand on `host`; only its workers take them. BullMQ allows no `:` in a queue's name. */
export function stepsQueue(host: string): string {
  return `steps.${host.replaceAll(':', '-')}`;
}

/** Before every key in Redis, so that several installations and tests can share a server. */
export const DEFAULT_PREFIX = 'crewtab';
