import { createHash } from 'node:crypto';

/**
 * A small, fast source of random numbers that a seed determines completely (mulberry32): the same seed gives the same numbers
 * on every machine. Histories, plans of faults and the moments of figures follow from it, so its numbers must not change.
 */
export class SeededRandom {
  private state: number;

  /** @param seed its lower 32 bits count */
  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** One stream of several that follow from one seed: `SeededRandom.named('client 7')`. */
  static named(name: string): SeededRandom {
    return new SeededRandom(createHash('sha256').update(name).digest().readUInt32LE(0));
  }

  /** In [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `from` to `to`, both included. */
  int(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  isTrue(probability: number): boolean {
    return this.next() < probability;
  }

  /** @throws RangeError for an empty list */
  pick<T>(of: readonly T[]): T {
    const index = Math.floor(this.next() * of.length);
    if (index >= of.length) throw new RangeError('nothing to pick from');
    return of[index] as T;
  }

  shuffle<T>(items: readonly T[]): T[] {
    const shuffled = [...items];
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = this.int(0, last);
      [shuffled[last], shuffled[other]] = [shuffled[other] as T, shuffled[last] as T];
    }
    return shuffled;
  }

  /** One of the keys, each as often as its weight says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries<number>(weights) as [K, number][];
    let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of entries) {
      left -= weight;
      if (left < 0) return key;
    }
    throw new RangeError('no weights');
  }
}
