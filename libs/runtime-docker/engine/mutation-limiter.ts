import { AppError } from '@crewtab/domain/errors';

/** Deploys go before teardowns: an agent's user waits for a deploy. */
export type MutationPriority = 'deploy' | 'teardown';

interface Waiting {
  readonly begin: () => void;
}

/**
 * Lets a limited number of engine mutations run at once. Beyond about twice the engine's cores more of them at once
 * only make each one slower.
 */
export class MutationLimiter {
  private running = 0;
  private readonly queues: Record<MutationPriority, Waiting[]> = { deploy: [], teardown: [] };

  constructor(private readonly limit: number) {
    if (!Number.isInteger(limit) || limit < 1) throw new RangeError(`not a limit: ${limit}`);
  }

  /** Runs the call when its turn has come. An abort while it waits throws; once it runs, it is left to end. */
  async run<T>(priority: MutationPriority, signal: AbortSignal | null, call: () => Promise<T>): Promise<T> {
    await this.turn(priority, signal);
    try {
      return await call();
    } finally {
      this.running--;
      (this.queues.deploy.shift() ?? this.queues.teardown.shift())?.begin();
    }
  }

  private async turn(priority: MutationPriority, signal: AbortSignal | null): Promise<void> {
    if (signal?.aborted) throw aborted(signal);
    if (this.running < this.limit) {
      this.running++;
      return;
    }
    const queue = this.queues[priority];
    await new Promise<void>((resolve, reject) => {
      const giveUp = (): void => {
        queue.splice(queue.indexOf(waiting), 1);
        reject(aborted(signal));
      };
      const begin = (): void => {
        signal?.removeEventListener('abort', giveUp);
        this.running++;
        resolve();
      };
      const waiting: Waiting = { begin };
      queue.push(waiting);
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  }
}

export function aborted(signal: AbortSignal | null): AppError {
  return new AppError('engine_error', 'given up before the engine was asked', {
    retryable: true,
    cause: signal?.reason,
  });
}
