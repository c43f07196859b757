import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  /** Default 30 s: a bound for busy machines. */
  readonly timeoutMs?: number;
  /** Pause between two tries; default 25 ms. */
  readonly intervalMs?: number;
}

/**
 * Tries again until `attempt` neither throws nor answers `false`, and gives its answer. For conditions that no signal
 * announces. At the bound it throws with the last error in its message.
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  { timeoutMs = 30_000, intervalMs = 25 }: EventuallyOptions = {},
): Promise<Exclude<T, false>> {
  const startedAt = performance.now();
  for (;;) {
    const outcome = await tryOnce(attempt);
    if (outcome.isDone) return outcome.value;
    if (performance.now() - startedAt >= timeoutMs) {
      throw new Error(`not so within ${timeoutMs} ms: ${describeFailure(outcome.error)}`, { cause: outcome.error });
    }
    await delay(intervalMs);
  }
}

type Outcome<T> =
  { readonly isDone: true; readonly value: Exclude<T, false> } | { readonly isDone: false; readonly error: unknown };

async function tryOnce<T>(attempt: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    const value = await attempt();
    return isNotFalse(value) ? { isDone: true, value } : { isDone: false, error: 'the condition was false' };
  } catch (error) {
    return { isDone: false, error };
  }
}

function isNotFalse<T>(value: T): value is Exclude<T, false> {
  return value !== false;
}

function describeFailure(error: unknown): string {
  // Not by instanceof: errors of Node's own modules are of another realm under Jest.
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
}
