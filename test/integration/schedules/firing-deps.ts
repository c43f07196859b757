import type { JobSchedulers, RunQueue } from '@crewtab/domain/ports/run-queue';
import type { FiringDeps } from '@crewtab/orchestrator/firing/fire-due-schedules';
import { SystemClock } from '@crewtab/orchestrator/timing';
import type { Store } from '@crewtab/store-prisma/open-store';
import { RecordingLogger } from '../../fakes/recording-logger';

export interface RecordingFiringDeps extends FiringDeps {
  readonly logger: RecordingLogger;
  /** The ids of offered runs, in order. */
  readonly offered: string[];
}

/** One firing app on the real store, without Redis: what it offers is written down. */
export function firingDeps(store: Store): RecordingFiringDeps {
  const offered: string[] = [];
  const queue: RunQueue = {
    offerRuns: (runIds) => Promise.resolve(void offered.push(...runIds)),
    wakeHost: () => Promise.resolve(),
  };
  const jobSchedulers: JobSchedulers = {
    set: () => Promise.resolve(),
    remove: () => Promise.resolve(),
    count: () => Promise.resolve(0),
    list: () => Promise.resolve([]),
  };
  const logger = new RecordingLogger();
  return { fires: store.fires, runs: store.runs, queue, jobSchedulers, clock: new SystemClock(), logger, offered };
}
