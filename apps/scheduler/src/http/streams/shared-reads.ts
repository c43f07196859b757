import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Lets all that ask for the same in one turn of the event loop share one read. The read begins after every one of them has
 * asked, so that none is answered with what was so before.
 */
export class SharedReads<T> {
  private readonly waiting = new Map<string, Promise<T>>();

  read(key: string, work: () => Promise<T>): Promise<T> {
    const shared = this.waiting.get(key) ?? this.begin(key, work);
    this.waiting.set(key, shared);
    return shared;
  }

  private async begin(key: string, work: () => Promise<T>): Promise<T> {
    await nextTurn();
    this.waiting.delete(key);
    return work();
  }
}
