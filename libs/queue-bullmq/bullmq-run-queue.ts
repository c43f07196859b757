import { effect } from '@crewtab/domain/failpoint';
import type { RunQueue } from '@crewtab/domain/ports/run-queue';
import { Queue, type JobsOptions } from 'bullmq';
import { RUNS_QUEUE, stepsQueue } from './queue-names';
import type { QueueSettings } from './queue-settings';

/** Job data of `runs` and `steps.<host>`: ids only. */
export interface RunJob {
  readonly runId: string;
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
