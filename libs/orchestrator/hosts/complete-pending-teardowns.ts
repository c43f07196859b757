import { ClaimLostError } from '@crewtab/domain/errors';
import type { HostStore } from '@crewtab/domain/ports/host-store';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { RunStore, WorkerIdentity } from '@crewtab/domain/ports/run-store';
import type { Run } from '@crewtab/domain/runs/run';
import { removeRun, removeSideBySide, type RemovalDeps } from '../reaping/remove-run';

export interface PendingTeardownDeps extends RemovalDeps {
  readonly hosts: Pick<HostStore, 'claimPendingTeardowns'>;
  readonly store: Pick<RunStore, 'installationId' | 'finish' | 'recordTeardownFailure'>;
  readonly logger: Logger;
}

export interface Settled {
  readonly settled: readonly string[];
  readonly resisting: readonly string[];
}

/**
 * Completes the teardowns that the host still owes to runs that are over, and stores their receipts. No driver is
 * needed, since nothing of such a run is left to decide. A run that resists, or whose removal gives no answer in time,
 * keeps its claim until the lease runs out, and is then adopted. Throws when engine or database do not answer.
 */
export async function completePendingTeardowns(deps: PendingTeardownDeps, worker: WorkerIdentity): Promise<Settled> {
  const [settled, resisting]: [string[], string[]] = [[], []];
  let hasHung = false;
  const next = async (): Promise<Run | null> => {
    // After a removal without an answer no run is claimed here any more: the adoption of each would wait for this lease.
    if (hasHung) return null;
    const [run] = await deps.hosts.claimPendingTeardowns(worker, 1);
    // One that resists can be claimed again once its lease has run out: it is tried once.
    return run && !resisting.includes(run.id) ? run : null;
  };
  await removeSideBySide(next, async (run) => {
    const end = await settle(deps, run);
    if (end === 'unanswered') hasHung = true;
    (end === 'settled' ? settled : resisting).push(run.id);
  });
  return { settled, resisting };
}

async function settle(deps: PendingTeardownDeps, run: Run): Promise<'settled' | 'resisting' | 'unanswered'> {
  const { store, logger } = deps;
  const claim = { runId: run.id, epoch: run.epoch };
  const removal = await removeRun(deps, await store.installationId(), run.id, 0);
  if (removal.kind === 'unanswered') {
    if (removal.error !== null) throw removal.error;
    logger.error({ runId: run.id, error: removal.failure.message }, NO_ANSWER);
    return 'unanswered';
  }
  try {
    if (removal.kind === 'leftover') {
      await store.recordTeardownFailure(claim, removal.failure, removal.removed);
      logger.error({ runId: run.id, left: removal.left }, 'what the host owes from before resists; it is tried again');
      return 'resisting';
    }
    const { receipt } = await store.finish(claim, removal.removed);
    logger.info(
      { runId: run.id, status: run.status, code: run.outcome?.error?.code, receipt },
      'removed what the host still owed of a run that is over',
    );
    return 'settled';
  } catch (error) {
    // Another worker of this host took the run over meanwhile, and completes its teardown.
    if (error instanceof ClaimLostError) return 'settled';
    throw error;
  }
}

const NO_ANSWER = 'the removal of what the host owes from before gives no answer; it is tried again';
