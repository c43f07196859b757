import { effect } from '@crewtab/domain/failpoint';
import type { RunQueue, JobScheduler, JobSchedulers } from '@crewtab/domain/ports/run-queue';
import {
  Queue,
  type JobsOptions,
  type QueueOptions,
  type RepeatOptions,
  type WorkerOptions,
  type ConnectionOptions,
  type Job,
  WaitingError,
} from 'bullmq';
import type { Logger } from '@crewtab/domain/ports/logger';
import { parseCron } from '@crewtab/domain/schedules/cron';
import { nextFire } from '@crewtab/domain/schedules/next-fire';
import { Processor, WorkerHost } from '@nestjs/bullmq';

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

/** Job data of `runs` and `steps.<host>`: ids only. */
export interface RunJob {
  readonly runId: string;
}

/** The handle on the queue of due runs that no host has begun. */
export type RunsQueue = Queue<RunJob>;

/** The handle on the queue of the job schedulers' ticks. */
export type TicksQueue = Queue;

/** A producer's handle on a queue, which reports connection errors instead of crashing the process. */
export function openQueue<T>(name: string, settings: QueueSettings): Queue<T> {
  const queue = new Queue<T>(name, settings.producerOptions);
  queue.on('error', (error) => settings.logger.debug({ queue: name, error: error.message }, 'redis connection'));
  return queue;
}

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

/** Resolves when Redis takes writes: one that is full, or a replica, still answers questions. The mark goes by itself. */
export async function writeMark(queue: Pick<Queue, 'getBackend' | 'toKey'>): Promise<void> {
  const client = await queue.getBackend().client;
  await client.set(queue.toKey('mark'), '1', { EX: 60 });
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

/**
 * For workers: a blocking command waits for as long as it takes, and reconnects for ever.
 * Source: https://docs.bullmq.io/guide/connections (maxRetriesPerRequest must be null for workers).
 */
export function workerConnection(redisUrl: string): ConnectionOptions {
  return { ...baseOptions(redisUrl), maxRetriesPerRequest: null };
}

/**
 * For producers: a Redis that is away must be an error within seconds, not a request that hangs; the sweeper wakes
 * again what could not be offered.
 */
export function producerConnection(redisUrl: string): ConnectionOptions {
  return { ...baseOptions(redisUrl), maxRetriesPerRequest: 1, enableOfflineQueue: false, commandTimeout: 5_000 };
}

function baseOptions(redisUrl: string): {
  url: string;
  connectTimeout: number;
  retryStrategy: (attempt: number) => number;
} {
  return {
    url: redisUrl,
    connectTimeout: 5_000,
    retryStrategy: (attempt) => Math.min(100 * 2 ** Math.min(attempt, 5), 2_000),
  };
}

/** Gone as soon as done, so that the same run can be offered again; a failed wake-up is no loss, the sweeper repeats it. */
const ONE_WAKE_UP: JobsOptions = { attempts: 1, removeOnComplete: true, removeOnFail: true };

/** Wake-ups through BullMQ. The run's id is the job's id: a run that already waits in a queue is not added twice. */
export class BullmqRunQueue implements RunQueue {
  private readonly steps = new Map<string, Queue<RunJob>>();

  constructor(
    private readonly runs: Queue<RunJob>,
    private readonly settings: QueueSettings,
  ) {}

  static open(settings: QueueSettings): BullmqRunQueue {
    return new BullmqRunQueue(openQueue(RUNS_QUEUE, settings), settings);
  }

  async offerRuns(runIds: readonly string[]): Promise<void> {
    await effect('queue.runs.add', () => this.runs.addBulk(runIds.map((runId) => wakeUp('run', runId))));
  }

  async wakeHost(host: string, runIds: readonly string[]): Promise<void> {
    const steps = this.stepsOf(host);
    await effect('queue.steps.add', () => steps.addBulk(runIds.map((runId) => wakeUp('adopt', runId))));
  }

  async close(): Promise<void> {
    await Promise.all([this.runs, ...this.steps.values()].map((queue) => queue.close()));
  }

  private stepsOf(host: string): Queue<RunJob> {
    const known = this.steps.get(host);
    if (known) return known;
    const queue: Queue<RunJob> = openQueue(stepsQueue(host), this.settings);
    this.steps.set(host, queue);
    return queue;
  }
}

function wakeUp(name: string, runId: string): { name: string; data: RunJob; opts: JobsOptions } {
  return { name, data: { runId }, opts: { ...ONE_WAKE_UP, jobId: runId } };
}

/** Put or removed side by side; each is one script in Redis. */
const AT_ONCE = 50;

/** One BullMQ Job Scheduler per schedule, keyed by the schedule's id, in the `ticks` queue. */
export class BullmqJobSchedulers implements JobSchedulers {
  constructor(private readonly ticks: Queue) {}

  async set(jobSchedulers: readonly JobScheduler[]): Promise<void> {
    await inChunks(jobSchedulers, async ({ scheduleId, cron, timezone }) => {
      const repeat = { pattern: cron, tz: timezone };
      const job = { name: 'tick', data: {}, opts: { attempts: 1, removeOnComplete: true, removeOnFail: true } };
      await effect('queue.clock.set', () => this.ticks.upsertJobScheduler(scheduleId, repeat, job));
    });
  }

  async remove(scheduleIds: readonly string[]): Promise<void> {
    await inChunks(scheduleIds, async (id) => {
      await effect('queue.clock.remove', () => this.ticks.removeJobScheduler(id));
    });
  }

  count(): Promise<number> {
    return this.ticks.getJobSchedulersCount();
  }

  async list(): Promise<string[]> {
    const ids: string[] = [];
    const page = 1_000;
    for (let start = 0; ; start += page) {
      const schedulers = await this.ticks.getJobSchedulers(start, start + page - 1, true);
      ids.push(...schedulers.flatMap(({ key }) => (key ? [key] : [])));
      if (schedulers.length < page) return ids;
    }
  }
}

async function inChunks<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < items.length; start += AT_ONCE) {
    await Promise.all(items.slice(start, start + AT_ONCE).map(work));
  }
}

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
 * that a worker which becomes full has at most one job too many in its hand, and releases that one.
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
