/**
 * Redis wakes, it does not decide: jobs carry ids only, may come twice, late or never. Adding a job for a run that has
 * one waiting is a no-op.
 */
export interface RunQueue {
  /** Offers queued runs to any worker. One round trip however many. */
  offerRuns(runIds: readonly string[]): Promise<void>;
  /** Asks the workers of `host` to take over runs whose containers stand there. */
  wakeHost(host: string, runIds: readonly string[]): Promise<void>;
}

/** One job scheduler per enabled schedule: BullMQ Job Schedulers whose ticks only call `fireDueSchedules()`. */
export interface JobSchedulers {
  /** Idempotent; puts or replaces the clock of a schedule. */
  set(jobSchedulers: readonly JobScheduler[]): Promise<void>;
  /** Idempotent. */
  remove(scheduleIds: readonly string[]): Promise<void>;
  /** How many there are now (cheap). */
  count(): Promise<number>;
  /** The schedule ids of all there are (for a full comparison). */
  list(): Promise<string[]>;
}

export interface JobScheduler {
  readonly scheduleId: string;
  readonly cron: string;
  readonly timezone: string;
}
