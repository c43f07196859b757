import type { Clock } from '@crewtab/domain/ports/clock';
import type { FiredRun, FireStore } from '@crewtab/domain/ports/fire-store';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { JobSchedulers, RunQueue } from '@crewtab/domain/ports/run-queue';
import type { RunStore } from '@crewtab/domain/ports/run-store';

/** What the firing half of the engine stands on. */
export interface FiringDeps {
  readonly fires: FireStore;
  readonly runs: Pick<RunStore, 'findAbandoned' | 'findOfferable'>;
  readonly queue: RunQueue;
  readonly jobSchedulers: JobSchedulers;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of every batch of committed rows, for metrics. */
  readonly onFired?: (runs: readonly FiredRun[]) => void;
}
