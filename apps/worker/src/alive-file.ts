import { stat, writeFile } from 'node:fs/promises';
import { effect } from '@crewtab/domain/failpoint';
import type { Logger } from '@crewtab/domain/ports/logger';

/** A worker renews its leases every 2.5 s or more often; one that could not for so long is unwell, ms. */
export const STALE_AFTER_MS = 20_000;

/**
 * The worker's heartbeat, for a health check in the same container: it has no port. Touched only after an
 * iteration in which the database answered, so a process that merely exists does not look healthy.
 */
export class AliveFile {
  private hasFailed = false;

  constructor(
    private readonly path: string,
    private readonly logger: Logger,
  ) {}

  /** Returns at once. A file that can't be written is told once; the health check finds it old. */
  touch(): void {
    effect('worker.alive-file.write', () => writeFile(this.path, `${new Date().toISOString()}\n`)).then(
      () => (this.hasFailed = false),
      (error: unknown) => {
        if (!this.hasFailed) this.logger.warn({ path: this.path, error: String(error) }, 'cannot write the heartbeat');
        this.hasFailed = true;
      },
    );
  }
}

/** What is wrong with the worker whose file this is; null: nothing. */
export async function findFault(path: string | null, now: Date): Promise<string | null> {
  if (path === null) return 'CREWTAB_ALIVE_FILE is not set';
  try {
    const ageMs = now.getTime() - (await stat(path)).mtimeMs;
    return ageMs <= STALE_AFTER_MS ? null : `the worker has not renewed its leases for ${Math.round(ageMs / 1_000)} s`;
  } catch (error) {
    return `no heartbeat: ${error instanceof Error ? error.message : String(error)}`;
  }
}
