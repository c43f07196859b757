import type { Subscription } from '@crewtab/domain/ports/runtime';
import type { HttpDeps } from '../http-deps';

/** Shares one subscription to the database's notifications among all viewers of runs. */
export class RunChangeHub {
  private readonly listeners = new Map<string, Set<() => void>>();
  private subscription: Promise<Subscription> | null = null;

  constructor(private readonly changes: HttpDeps['runChanges']) {}

  /** Calls back whenever the run or its conversation may have changed (a hint). Resolves once nothing is overlooked any more. */
  async listen(runId: string, listener: () => void): Promise<() => void> {
    await this.subscribe();
    const listeners = this.listeners.get(runId) ?? new Set();
    this.listeners.set(runId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.listeners.delete(runId);
    };
  }

  async close(): Promise<void> {
    const subscription = this.subscription;
    this.subscription = null;
    this.listeners.clear();
    (await subscription)?.close();
  }

  /** A subscription that failed is tried anew by the next viewer. */
  private async subscribe(): Promise<void> {
    this.subscription ??= this.changes.onRunChanged((runId) => this.tell(runId));
    const current = this.subscription;
    try {
      await current;
    } catch (error) {
      if (this.subscription === current) this.subscription = null;
      throw error;
    }
  }

  private tell(runId: string): void {
    for (const listener of [...(this.listeners.get(runId) ?? [])]) listener();
  }
}
