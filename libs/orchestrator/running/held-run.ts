import type { Logger } from '@crewtab/domain/ports/logger';
import type { Claim } from '@crewtab/domain/ports/run-store';
import type { Run } from '@crewtab/domain/runs/run';
import type { TeamSession } from './team-session';

/** The state that the steps of a run share while one worker holds it. */
export interface HeldRun {
  run: Run;
  readonly claim: Claim;
  /** The host of the worker that holds it. */
  readonly host: string;
  readonly team: TeamSession;
  readonly logger: Logger;
  /** Earliest next teardown attempt; in memory only, since trying early after adoption is right. */
  nextTeardownAt: Date | null;
  /** When a teardown of this worker first failed. */
  teardownFailedAt: Date | null;
  /** Lets the loop look again. */
  wake(): void;
}
