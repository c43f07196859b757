import { setTimeout as delay } from 'node:timers/promises';

/**
 * Asks every 20 ms until the answer is true or `timeoutMs` have passed.
 * @returns whether it became true in time.
 */
export async function waitUntil(isDone: () => Promise<boolean> | boolean, timeoutMs: number): Promise<boolean> {
  const startedAt = performance.now();
  for (;;) {
    if (await isDone()) return true;
    if (performance.now() - startedAt >= timeoutMs) return false;
    await delay(20);
  }
}
