import type { Clock } from '@crewtab/domain/ports/clock';

/**
 * How long a removal is waited for, ms, beside the stop grace. Shorter than an adapter's own limits may add up to: what a
 * loop waits for must end long before the minute in which everything converges (I15). The call itself goes on.
 */
export const TEARDOWN_LIMIT_MS = 30_000;
/** How long a look at the host is waited for, ms. */
export const LIST_LIMIT_MS = 20_000;
/** Removals that are under way at once in one loop, so that one that hangs does not hold up the others. */
const REMOVALS_AT_ONCE = 4;

/** The work's answer; null when none came within `ms`. The work goes on, and what becomes of it later is not seen. */
export async function answerWithin<T>(
  clock: Clock,
  ms: number,
  work: Promise<T>,
): Promise<{ readonly answer: T } | null> {
  let cancel: () => void = () => undefined;
  const timeUp = new Promise<null>((resolve) => (cancel = clock.after(ms, () => resolve(null))));
  try {
    return await Promise.race([work.then((answer) => ({ answer })), timeUp]);
  } finally {
    cancel();
  }
}

/** Removes from several runs side by side: takes what `next` gives until it gives null. Rejects with the first failure. */
export async function removeSideBySide<T>(
  next: () => Promise<T | null> | T | null,
  remove: (one: T) => Promise<void>,
): Promise<void> {
  const lane = async (): Promise<void> => {
    for (let one = await next(); one !== null; one = await next()) await remove(one);
  };
  await Promise.all(Array.from({ length: REMOVALS_AT_ONCE }, lane));
}
