import { watch, type FSWatcher } from 'node:fs';

/** How long a change may go unnoticed where the operating system tells of changes (it may leave some out), ms. */
const WATCHED_POLL_MS = 250;
/** The same where it does not. */
const UNWATCHED_POLL_MS = 50;

/**
 * Waits for something to happen to files or directories: told by the operating system where it has watches left, and
 * looking by oneself at bounded intervals in any case.
 */
export class ChangeSignal {
  private readonly watchers: FSWatcher[] = [];
  private isPending = false;
  private wakeUp: (() => void) | null = null;
  private pollMs = WATCHED_POLL_MS;

  constructor(paths: readonly string[]) {
    for (const path of paths) this.watch(path);
  }

  /** Resolves after a change since the last wait, or after the interval. */
  async wait(): Promise<void> {
    if (!this.isPending) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.pollMs);
        this.wakeUp = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.wakeUp = null;
    this.isPending = false;
  }

  /** Ends a wait early. */
  wake(): void {
    this.isPending = true;
    this.wakeUp?.();
  }

  close(): void {
    for (const watcher of this.watchers) watcher.close();
    this.wake();
  }

  private watch(path: string): void {
    try {
      const watcher = watch(path, { persistent: false }, () => this.wake());
      watcher.on('error', () => {
        watcher.close();
        this.pollMs = UNWATCHED_POLL_MS;
      });
      this.watchers.push(watcher);
    } catch {
      // Not there, or no watches left: the poll finds out.
      this.pollMs = UNWATCHED_POLL_MS;
    }
  }
}
