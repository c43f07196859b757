import { effect } from '@crewtab/domain/failpoint';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { Database, Statement } from './database';
import { RUN_CHANGED } from './notifications';

/** Changes of one run within this time are one notification, ms. */
const GATHER_MS = 20;

const NOTIFY: Statement = {
  name: 'run_changed_notify',
  text: `SELECT pg_notify('${RUN_CHANGED}', run_id::text) FROM unnest($1::uuid[]) AS changed(run_id)`,
};

/**
 * Tells live views that runs changed, just after the commit instead of in it: Postgres lets transactions that notify
 * commit one after the other only, and a run's life has many of them. A crash in between loses a hint, nothing more.
 */
export class RunChanges {
  private readonly changed = new Set<string>();
  private timer: NodeJS.Timeout | null = null;
  private sending: Promise<void> = Promise.resolve();

  constructor(
    private readonly db: Database,
    private readonly logger: Logger | null,
  ) {}

  touch(runId: string): void {
    this.changed.add(runId);
    this.timer ??= setTimeout(() => void this.flush(), GATHER_MS);
  }

  /** Resolves when what was touched so far has been sent. Never rejects: these are hints. */
  flush(): Promise<void> {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    if (this.changed.size > 0) {
      const runIds = [...this.changed];
      this.changed.clear();
      this.sending = this.sending.then(() => this.send(runIds));
    }
    return this.sending;
  }

  private async send(runIds: readonly string[]): Promise<void> {
    try {
      await effect('postgres.run-changed.notify', () => this.db.query(NOTIFY, [runIds]));
    } catch (error) {
      this.logger?.debug({ runs: runIds.length, error: String(error) }, 'live views were not told of changed runs');
    }
  }
}
