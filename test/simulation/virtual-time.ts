import type { Clock } from '@crewtab/domain/ports/clock';

interface Entry {
  readonly atMs: number;
  readonly order: number;
  work: (() => void) | null;
}

/**
 * The time of a simulated world: stands still while anything goes on, then jumps to the next entry. It is the true
 * time (the database's); processes see it through clocks of their own.
 */
export class VirtualTime implements Clock {
  private elapsedMs = 0;
  private nextOrder = 0;
  /** A binary heap by instant, then by order of arrival. */
  private readonly heap: Entry[] = [];
  /** Entries that were worked off: a measure of how much happened. */
  steps = 0;

  constructor(private readonly startAt: number) {}

  now(): Date {
    return new Date(this.startAt + this.elapsedMs);
  }

  monotonicMs(): number {
    return this.elapsedMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const entry: Entry = { atMs: this.elapsedMs + Math.max(0, delayMs), order: this.nextOrder++, work: callback };
    this.push(entry);
    return () => (entry.work = null);
  }

  /** Works off everything up to `untilMs` after the start; what waits for promises only goes on between two entries. */
  async runUntil(untilMs: number): Promise<void> {
    await settled();
    for (let entry = this.heap[0]; entry && entry.atMs <= untilMs; entry = this.heap[0]) {
      this.pop();
      if (!entry.work) continue;
      this.elapsedMs = Math.max(this.elapsedMs, entry.atMs);
      this.steps++;
      entry.work();
      await settled();
    }
    this.elapsedMs = Math.max(this.elapsedMs, untilMs);
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (!parent || isEarlier(parent, entry)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = entry;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      const isRight = left !== undefined && right !== undefined && isEarlier(right, left);
      const child = isRight ? right : left;
      if (!child || isEarlier(last, child)) break;
      heap[index] = child;
      index = 2 * index + (isRight ? 2 : 1);
    }
    heap[index] = last;
  }
}

function isEarlier(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** Resolves when everything that only waits for settled promises has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
