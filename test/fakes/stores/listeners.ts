import type { Subscription } from '@crewtab/domain/ports/runtime';

/** Subscribers of a notification. They are called in a later microtask, never inside the change they are told of. */
export class Listeners<T> {
  private readonly listeners = new Set<(value: T) => void>();

  add(listener: (value: T) => void): Subscription {
    // Its own closure, so that one function subscribed twice is called twice.
    const entry = (value: T): void => listener(value);
    this.listeners.add(entry);
    return { close: () => void this.listeners.delete(entry) };
  }

  notify(value: T): void {
    queueMicrotask(() => {
      for (const listener of this.listeners) listener(value);
    });
  }
}
