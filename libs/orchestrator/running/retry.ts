import { AppError } from '@crewtab/domain/errors';
import type { Clock } from '@crewtab/domain/ports/clock';
import { backoffMs } from './backoff';

/** Repeats an idempotent call while its failure is retryable and nobody said stop. */
export async function retrying<T>(clock: Clock, isStopped: () => boolean, call: () => Promise<T>): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof AppError) || !error.retryable || isStopped()) throw error;
      await new Promise<void>((resolve) => clock.after(backoffMs(failures, 100, 2_000), resolve));
    }
  }
}
