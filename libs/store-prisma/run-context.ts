import { AppError, ClaimLostError } from '@crewtab/domain/errors';
import type { Claim } from '@crewtab/domain/ports/run-store';
import type { Run } from '@crewtab/domain/runs/run';
import type { Database, Statement } from './database';
import type { RunChanges } from './run-changes';
import { selectRun, toRun, type RunRow } from './run-row';
import type { SecretBox } from './secret-box';

/** What the statements on runs need. */
export interface RunContext {
  readonly db: Database;
  readonly box: SecretBox;
  readonly changes: RunChanges;
}

const LOAD: Statement = {
  name: 'run_load',
  text: `${selectRun({ run: 'schedule_runs' })} WHERE r.id = $1 AND r.epoch = $2`,
};

export async function loadClaimed({ db, box }: RunContext, claim: Claim): Promise<Run> {
  const [row] = await db.query<RunRow>(LOAD, [claim.runId, claim.epoch]);
  if (!row) throw new ClaimLostError(claim.runId);
  return toRun(row, box);
}

/**
 * Runs one guarded statement whose first parameters are the run's id and the claim's epoch. When it changed nothing,
 * the row tells why: the claim is lost; or what was asked for is true already (a repeated call); or it cannot be done from where
 * the run stands, which is a fault of the caller.
 */
export async function transition(
  context: RunContext,
  claim: Claim,
  statement: Statement,
  values: readonly unknown[],
  isDone: (run: Run) => boolean,
): Promise<Run> {
  const [row] = await context.db.query<RunRow>(statement, [claim.runId, claim.epoch, ...values]);
  if (row) {
    context.changes.touch(claim.runId);
    return toRun(row, context.box);
  }
  const run = await loadClaimed(context, claim);
  if (!isDone(run)) throw wrongPhase(run);
  return run;
}

export function wrongPhase(run: Pick<Run, 'id' | 'phase' | 'status'>): AppError {
  return new AppError('conflict', `run ${run.id} is in phase ${run.phase} (${run.status}), where this cannot be done`);
}
