import { ClaimLostError } from '@crewtab/domain/errors';
import type { Clock } from '@crewtab/domain/ports/clock';
import type { HostStore } from '@crewtab/domain/ports/host-store';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { RunStore, WorkerIdentity } from '@crewtab/domain/ports/run-store';
import type { Runtime } from '@crewtab/domain/ports/runtime';
import type { ToolServer } from '@crewtab/domain/ports/tool-server';
import type { Run } from '@crewtab/domain/runs/run';
import { answerWithin, removeSideBySide, TEARDOWN_LIMIT_MS } from '../call-limits';

export interface PendingTeardownDeps {
  readonly hosts: Pick<HostStore, 'claimPendingTeardowns'>;
  readonly store: Pick<RunStore, 'installationId' | 'finish' | 'recordTeardownFailure'>;
  readonly runtime: Pick<Runtime, 'teardown'>;
  /** Null where leaders get no team tools. */
  readonly toolServer: Pick<ToolServer, 'remove'> | null;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Settled {
  readonly settled: readonly string[];
  readonly resisting: readonly string[];
}

/**
 * Pays what the host owes: removes everything of its runs that are over but not torn down, and stores their receipts. Without
 * a driver, since nothing of such a run is left to decide. What resists, or gives no answer in time, keeps its claim until
 * the lease runs out, and is then adopted like any other run. Throws when engine or database do not answer.
 */
export async function completePendingTeardowns(deps: PendingTeardownDeps, worker: WorkerIdentity): Promise<Settled> {
  const [settled, resisting]: [string[], string[]] = [[], []];
  let isAnswered = true;
  const next = async (): Promise<Run | null> => {
    // After a removal without an answer no run is claimed here any more: the adoption of each would wait for this lease.
    if (!isAnswered) return null;
    const [run] = await deps.hosts.claimPendingTeardowns(worker, 1);
    // One that resists can be claimed again once its lease has run out: it is tried once.
    return run && !resisting.includes(run.id) ? run : null;
  };
  await removeSideBySide(next, async (run) => {
    const settling = await answerWithin(deps.clock, TEARDOWN_LIMIT_MS, settle(deps, run));
    if (!settling) {
      isAnswered = false;
      deps.logger.error({ runId: run.id, afterMs: TEARDOWN_LIMIT_MS }, NO_ANSWER);
    }
    (settling?.answer ? settled : resisting).push(run.id);
  });
  return { settled, resisting };
}

const NO_ANSWER = 'the removal of what the host owes from before gives no answer; it is tried again';

async function settle(deps: PendingTeardownDeps, run: Run): Promise<boolean> {
  const { store, runtime, toolServer, logger } = deps;
  const claim = { runId: run.id, epoch: run.epoch };
  const { removed, left } = await runtime.teardown(await store.installationId(), run.id, { graceMs: 0 });
  try {
    if (left.length > 0) {
      const words = left.map(({ kind, name, reason }) => `${kind} ${name}: ${reason}`).join('; ');
      await store.recordTeardownFailure(claim, { code: 'teardown_failed', message: `still there: ${words}` }, removed);
      logger.error({ runId: run.id, left }, 'what the host owes from before resists; it is tried again');
      return false;
    }
    await toolServer?.remove(run.id);
    const { receipt } = await store.finish(claim, removed);
    logger.info(
      { runId: run.id, status: run.status, code: run.outcome?.error?.code, receipt },
      'removed what the host still owed of a run that is over',
    );
    return true;
  } catch (error) {
    // Somebody else of this host took it over meanwhile: it is theirs now.
    if (error instanceof ClaimLostError) return true;
    throw error;
  }
}
