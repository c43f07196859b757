import type { Subscription } from '@crewtab/domain/ports/runtime';

/** Shares one subscription to the database's notifications among all streams of this process, by what changed. */
export class ChangeHub<Key> {
  private readonly listeners = new Map<Key, Set<() => void>>();
  private subscription: Promise<Subscription> | null = null;

  constructor(private readonly subscribeTo: (tell: (key: Key) => void) => Promise<Subscription>) {}

  /** Calls back whenever it may have changed (a hint). Resolves once nothing is overlooked any more. */
  async listen(key: Key, listener: () => void): Promise<() => void> {
    await this.subscribe();
    const listeners = this.listeners.get(key) ?? new Set();
    this.listeners.set(key, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.listeners.delete(key);
    };
  }

  async close(): Promise<void> {
    const subscription = this.subscription;
    this.subscription = null;
    this.listeners.clear();
    (await subscription)?.close();
  }

  /** A subscription that failed is tried anew by the next stream. */
  private async subscribe(): Promise<void> {
    this.subscription ??= this.subscribeTo((key) => this.tell(key));
    const current = this.subscription;
    try {
      await current;
    } catch (error) {
      if (this.subscription === current) this.subscription = null;
      throw error;
    }
  }

  private tell(key: Key): void {
    for (const listener of [...(this.listeners.get(key) ?? [])]) listener();
  }
}
