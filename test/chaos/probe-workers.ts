import { setTimeout as delay } from 'node:timers/promises';

export interface ProbeOptions {
  /** Runs that are asked for later than this count. */
  readonly since: Date;
  readonly withinMs: number;
  readonly isOver: () => Promise<boolean>;
  /** Ids of workers that took any run since. */
  readonly takers: (since: Date) => Promise<ReadonlySet<string>>;
  /** Ids of those that must; without an id while it shows no heartbeat. */
  readonly workers: () => Promise<readonly ProbedWorker[]>;
  readonly askForRuns: (count: number) => Promise<void>;
}

export interface ProbedWorker {
  readonly name: string;
  readonly id: string | null;
}

const LOOK_EVERY_MS = 250;

/**
 * A worker that lives, shows heartbeats and takes no runs any more is seen in no run while others take them. So short runs are
 * asked for until each worker has taken one.
 * @returns the workers; whether each took a run shows in the trail.
 */
export async function probeWorkers(options: ProbeOptions): Promise<readonly ProbedWorker[]> {
  const until = Date.now() + options.withinMs;
  for (;;) {
    const [workers, takers] = await Promise.all([options.workers(), options.takers(options.since)]);
    const isComplete = workers.every(({ id }) => id !== null && takers.has(id));
    if (isComplete || Date.now() > until) return workers;
    // Idle workers are served in the order in which they began to wait.
    if (await options.isOver()) await options.askForRuns(workers.length);
    await delay(LOOK_EVERY_MS);
  }
}
