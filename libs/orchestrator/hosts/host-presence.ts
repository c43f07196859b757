import { ClaimLostError, errorMessage } from '@crewtab/domain/errors';
import { ABSENT_AFTER_MS, HEARTBEAT_EVERY_MS } from '@crewtab/domain/hosts/host-loss';
import type { HostStore, WorkerHeartbeat } from '@crewtab/domain/ports/host-store';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { RunStore, WorkerIdentity } from '@crewtab/domain/ports/run-store';
import type { Run } from '@crewtab/domain/runs/run';
import { type OrphanReaper, removeSideBySide } from '../reaping/orphan-reaper';
import { type RemovalDeps, removeRun } from '../running/team-deployment';
import { isSettledWithin, ITERATION_LIMIT_MS, Loop } from '../timing';

/** Between two attempts to be admitted, ms. */
const TRY_AGAIN_MS = 2_000;
const NOT_YET = 'it has not yet reaped its host';

interface PendingTeardownDeps extends RemovalDeps {
  readonly hosts: Pick<HostStore, 'claimPendingTeardowns'>;
  readonly store: Pick<RunStore, 'installationId' | 'finish' | 'recordTeardownFailure'>;
  readonly logger: Logger;
}

interface Settled {
  readonly settled: readonly string[];
  readonly resisting: readonly string[];
}

export interface PresenceDeps extends PendingTeardownDeps {
  readonly hosts: Pick<HostStore, 'noteWorker' | 'forgetWorker' | 'readmit' | 'claimPendingTeardowns'>;
  readonly reaper: Pick<OrphanReaper, 'reapHost' | 'findings'>;
}

export interface PresenceOptions {
  readonly worker: WorkerIdentity;
  /** What does not change of the worker's heartbeat. */
  readonly about: Pick<WorkerHeartbeat, 'hostname' | 'pid' | 'version' | 'host' | 'capacity'>;
  readonly load: () => { readonly heldRuns: number; readonly adoptedRuns: number };
  /** The worker may take work from now on. */
  readonly onAdmitted: () => void;
}

/**
 * A worker's presence on its host: its heartbeats, and whether it may take work. It may not before it has reaped:
 * completed one iteration over the host in which engine and database answered everything, and in which it removed what
 * the host still owed. That holds at its start, after it was unresponsive for so long that its host may count as lost,
 * and when an admin has decommissioned the host meanwhile. Runs that it holds go on either way.
 */
export class HostPresence {
  private isAdmitted = false;
  private isStopped = false;
  private admitting: Promise<void> | null = null;
  /** Attempts to be admitted so far; only the latest counts. */
  private attempts = 0;
  private readonly heartbeats: Loop;
  private heartbeatAtMs = -Infinity;
  private refusal: string | null = NOT_YET;
  private cancelRetry: () => void = () => undefined;

  constructor(
    private readonly deps: PresenceDeps,
    private readonly options: PresenceOptions,
  ) {
    this.heartbeats = new Loop({
      clock: deps.clock,
      everyMs: HEARTBEAT_EVERY_MS,
      work: () => this.sendHeartbeat(),
      limitMs: ABSENT_AFTER_MS,
      onOverdue: (afterMs) => deps.logger.error({ afterMs }, 'a heartbeat does not come back; giving the next one'),
    });
  }

  /** Whether the worker may claim runs at this moment. Without a heartbeat for too long it may not: see above. */
  get mayClaim(): boolean {
    return this.isAdmitted && this.deps.clock.monotonicMs() - this.heartbeatAtMs < ABSENT_AFTER_MS;
  }

  /** Resolves after the first attempt to be admitted, whether it succeeded or is repeated. */
  async start(): Promise<void> {
    await isSettledWithin(this.deps.clock, ABSENT_AFTER_MS, this.sendHeartbeat());
    this.heartbeats.startLater();
    await this.admitting;
  }

  /** The worker says goodbye: its row is taken away. Call it when its runs are handed over. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.cancelRetry();
    await Promise.all([this.heartbeats.stop(), this.admitting]);
    try {
      await this.deps.hosts.forgetWorker(this.options.worker.workerId);
    } catch (error) {
      this.deps.logger.warn(
        { error: errorMessage(error) },
        'could not say goodbye; the row of this worker goes by itself',
      );
    }
  }

  private async sendHeartbeat(): Promise<void> {
    const askedAtMs = this.deps.clock.monotonicMs();
    const wasUnresponsive = this.isAdmitted && !this.mayClaim;
    try {
      const { isDecommissioned } = await this.deps.hosts.noteWorker(this.compose());
      if (wasUnresponsive) this.suspend('it sent no heartbeat for longer than a living worker may');
      else if (isDecommissioned && this.isAdmitted) this.suspend('its host was decommissioned');
      // One that came back very late says less than those after it.
      this.heartbeatAtMs = Math.max(this.heartbeatAtMs, askedAtMs);
      if (!this.isAdmitted) this.beginAdmission();
    } catch (error) {
      this.deps.logger.warn({ error: errorMessage(error) }, 'could not send a heartbeat');
    }
  }

  private suspend(why: string): void {
    this.isAdmitted = false;
    this.refusal = NOT_YET;
    this.deps.logger.warn({ why }, 'takes no work before it has reaped its host');
  }

  private beginAdmission(): void {
    if (this.isStopped) return;
    this.admitting ??= this.admit().finally(() => (this.admitting = null));
  }

  private async admit(): Promise<void> {
    const attempt = ++this.attempts;
    if (await isSettledWithin(this.deps.clock, ITERATION_LIMIT_MS, this.tryAdmit(attempt))) return;
    this.attempts++;
    this.refuse('it does not come back');
  }

  private async tryAdmit(attempt: number): Promise<void> {
    const { hosts, reaper, logger } = this.deps;
    const { worker, onAdmitted } = this.options;
    try {
      const { reaped, removed, resisting } = await reaper.reapHost();
      const owed = await completePendingTeardowns(this.deps, worker);
      const { wasDecommissioned, verifiedRunIds } = await hosts.readmit(worker.host, {
        removed,
        unremovedRunIds: [...resisting, ...owed.resisting],
      });
      if (attempt !== this.attempts) return;
      this.isAdmitted = true;
      this.refusal = null;
      logger.info(
        {
          reaped,
          settled: owed.settled,
          resisting: [...resisting, ...owed.resisting],
          verifiedRunIds,
          wasDecommissioned,
        },
        wasDecommissioned
          ? 'host reaped; it was decommissioned, is back, and takes work again'
          : 'host reaped; the worker takes work from now on',
      );
      onAdmitted();
    } catch (error) {
      if (attempt === this.attempts) this.refuse(errorMessage(error));
    }
  }

  private refuse(why: string): void {
    this.noteRefusal(why);
    this.cancelRetry = this.deps.clock.after(TRY_AGAIN_MS, () => this.beginAdmission());
  }

  private noteRefusal(why: string): void {
    const refusal = `reaping its host failed: ${why}`;
    if (refusal !== this.refusal)
      this.deps.logger.error({ why }, 'takes no work: reaping its host failed; trying again');
    this.refusal = refusal;
  }

  private compose(): WorkerHeartbeat {
    const { clock, reaper } = this.deps;
    const { worker, about, load } = this.options;
    const { lastIterationAtMs, ...findings } = reaper.findings;
    const lastIterationAgoMs = lastIterationAtMs === null ? null : clock.monotonicMs() - lastIterationAtMs;
    return {
      ...about,
      ...load(),
      id: worker.workerId,
      refusal: this.refusal,
      reaper: { ...findings, lastIterationAgoMs },
    };
  }
}

/**
 * Completes the teardowns that the host still owes to runs that are over, and stores their receipts. No driver is
 * needed, since nothing of such a run is left to decide. A run that resists, or whose removal gives no answer in time,
 * keeps its claim until the lease runs out, and is then adopted. Throws when engine or database do not answer.
 */
async function completePendingTeardowns(deps: PendingTeardownDeps, worker: WorkerIdentity): Promise<Settled> {
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
