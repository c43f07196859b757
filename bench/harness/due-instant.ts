export const DAY_MS = 86_400_000;
/** Calls side by side; each is one script in Redis. */
const AT_ONCE = 50;

/**
 * The instant at which the next iteration is due, for both sides. Cron knows minutes only, so the instant is set: in
 * Postgres by SQL, in BullMQ by a repeat strategy that answers it in place of what a pattern would say.
 */
export class DueInstant {
  at = 0;

  readonly repeatStrategy = (afterMs: number): number => (afterMs < this.at ? this.at : this.at + DAY_MS);
}

export async function inChunks<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let start = 0; start < items.length; start += AT_ONCE) {
    await Promise.all(items.slice(start, start + AT_ONCE).map(work));
  }
}

/** Resolves when `isDone` says so; it is asked every 5 ms. @throws Error after `limitMs` */
export async function until(what: string, isDone: () => boolean | Promise<boolean>, limitMs = 60_000): Promise<void> {
  for (const startedAt = performance.now(); !(await isDone());) {
    if (performance.now() - startedAt > limitMs) throw new Error(`${what}: not within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
