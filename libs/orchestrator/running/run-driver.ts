import { AppError, ClaimLostError, toFailure } from '@crewtab/domain/errors';
import type { Claim } from '@crewtab/domain/ports/run-store';
import { decide, type Decision } from '@crewtab/domain/runs/decide';
import { isTerminal, type Run } from '@crewtab/domain/runs/run';
import { assertNever } from '@crewtab/domain/errors';
import { backoffMs, WakeUp } from '../waiting';
import { beginRun, conclude, type HeldRun, offerNextInLine, sendPrompt, tearDown } from './run-steps';
import type { PartEvent } from './agent-session';
import type { OrchestratorDeps } from './orchestrator-deps';
import { TeamSession } from './team-session';

/** Why a driver stopped: the run is finished, it was released on purpose, or another worker has it. */
export type DriveEnd = 'finished' | 'released' | 'lost';

/**
 * Drives one claimed run: observe, decide, act once, save, and again, until there is nothing to do but wait. All state
 * that matters is in Postgres; killing this at any line leaves a run that another worker drives on.
 */
export class RunDriver {
  private readonly wakeUp: WakeUp;
  private readonly held: HeldRun;
  private stopAs: 'released' | 'lost' | null = null;
  private hasOfferedNext = false;
  private fault: { readonly error: unknown } | null = null;
  /** By the monotonic clock; null while there is nothing to do but wait. */
  private stepBeganAtMs: number | null = null;

  constructor(
    private readonly deps: OrchestratorDeps,
    { installationId, host }: { readonly installationId: string; readonly host: string },
    run: Run,
    isAdopted: boolean,
  ) {
    this.wakeUp = new WakeUp(deps.clock);
    const logger = deps.logger.child({ runId: run.id, scheduleId: run.scheduleId, epoch: run.epoch });
    const claim: Claim = { runId: run.id, epoch: run.epoch };
    const wake = (): void => this.wakeUp.wake();
    const emit = (event: PartEvent): void => {
      if (event.kind === 'failed') this.fault ??= event;
      wake();
    };
    const team = new TeamSession(deps, { run, claim, installationId, isAdopted, logger, emit });
    this.held = { run, claim, host, team, logger, nextTeardownAt: null, teardownFailedAt: null, wake };
  }

  get claim(): Claim {
    return this.held.claim;
  }

  /** A person (or a newer run) asked for the end. Truth is in the row; this only saves a query. */
  requestCancel(at: Date, code: Run['cancelCode']): void {
    if (this.held.run.cancelRequestedAt) return;
    this.held.run = { ...this.held.run, cancelRequestedAt: at, cancelCode: code };
    this.wakeUp.wake();
  }

  /** An agent may have ended (null: any of them): look. */
  noteEnded(agent: string | null): void {
    this.held.team.noteEnded(agent);
  }

  /** How long the step under way has not come back, ms. */
  get stepForMs(): number {
    return this.stepBeganAtMs === null ? 0 : this.deps.clock.monotonicMs() - this.stepBeganAtMs;
  }

  /** Stops acting at the next safe point; containers go on. */
  stop(as: 'released' | 'lost'): void {
    this.stopAs ??= as;
    this.held.team.disconnect();
    this.wakeUp.wake();
  }

  /** Never throws: what cannot be handled ends as `lost` or `released`, and the run's next owner goes on once the lease ends. */
  async drive(): Promise<DriveEnd> {
    try {
      for (let failures = 0; ;) {
        if (this.stopAs) return this.stopAs;
        try {
          if (await this.advance()) return 'finished';
          failures = 0;
        } catch (error) {
          if (error instanceof ClaimLostError) return this.lost();
          await this.recover(error, ++failures);
        }
      }
    } catch (error) {
      return error instanceof ClaimLostError ? this.lost() : this.release(error);
    } finally {
      this.held.team.disconnect();
    }
  }

  /** One step. True when nothing is left to do for ever. */
  private async advance(): Promise<boolean> {
    this.stepBeganAtMs = this.deps.clock.monotonicMs();
    if (this.fault) {
      const fault = this.fault;
      this.fault = null;
      throw fault.error;
    }
    const { held, deps } = this;
    this.offerNextOnceEnded();
    await held.team.connect(held.run);
    const decision = decide(held.run, held.team.observe(held), deps.clock.now(), deps.options);
    if (decision.kind === 'done') return true;
    if (decision.kind === 'wait') {
      this.stepBeganAtMs = null;
      await this.wakeUp.wait(decision.until);
    } else await this.act(decision);
    return false;
  }

  /** The moment a run is terminal (its teardown may go on), the one that waits for its end may begin. */
  private offerNextOnceEnded(): void {
    if (this.hasOfferedNext || !isTerminal(this.held.run.status)) return;
    this.hasOfferedNext = true;
    // Beside the teardown: a Redis that does not answer must not delay it.
    void offerNextInLine(this.deps, this.held);
  }

  private async act(decision: Exclude<Decision, { kind: 'wait' | 'done' }>): Promise<void> {
    const { held, deps } = this;
    const before = held.run.phase;
    switch (decision.kind) {
      case 'begin':
        held.run = await beginRun(deps, held);
        break;
      case 'deploy':
        await held.team.deploy(held.run);
        break;
      case 'prompt':
        await sendPrompt(deps, held);
        break;
      case 'confirm':
        held.run = this.keepCancel(await deps.store.confirmPrompt(held.claim));
        break;
      case 'conclude':
        await conclude(deps, held, decision.outcome);
        break;
      case 'fail_teardown':
        held.run = await deps.store.failTeardown(held.claim, decision.failure);
        held.logger.error({ code: decision.failure.code, status: 'failed' }, decision.failure.message);
        break;
      case 'tear_down':
        await tearDown(deps, held, decision.graceMs);
        break;
      default:
        assertNever(decision);
    }
    if (held.run.phase !== before) {
      held.logger.info({ from: before, to: held.run.phase, status: held.run.status }, 'run moved');
    }
  }

  /** A cancel that arrived by signal while a write was under way must not be forgotten with the older row. */
  private keepCancel(run: Run): Run {
    const { cancelRequestedAt, cancelCode } = this.held.run;
    return run.cancelRequestedAt ? run : { ...run, cancelRequestedAt, cancelCode };
  }

  /**
   * The database or the engine did not answer: wait a little, see how the run stands now, go on. Everything else is a
   * fault of our own; the run must still end and be torn down, so it fails with what is known.
   */
  private async recover(error: unknown, failures: number): Promise<void> {
    const { held, deps } = this;
    if (error instanceof AppError && error.retryable) {
      held.logger.warn({ error: error.message, failures }, 'a step could not be completed; trying again');
      await new Promise<void>((resolve) => deps.clock.after(backoffMs(failures, 100, 2_000), resolve));
      if (!this.stopAs)
        held.run = this.keepCancel(
          await deps.store.load(held.claim).catch((again: unknown) => orLater(again, held.run)),
        );
      return;
    }
    held.logger.error(
      { error: error instanceof Error ? (error.stack ?? error.message) : String(error) },
      'a step failed',
    );
    if (held.run.phase === 'queued' || held.run.phase === 'tearing_down') {
      if (failures >= 5) throw error;
      held.nextTeardownAt = new Date(deps.clock.now().getTime() + backoffMs(failures, 500, 10_000));
      return;
    }
    await conclude(deps, held, { status: 'failed', result: null, error: toFailure(error, 'internal') });
  }

  private lost(): DriveEnd {
    this.held.logger.warn({}, 'lost the claim: another worker has the run');
    return 'lost';
  }

  private async release(error: unknown): Promise<DriveEnd> {
    this.held.logger.error(
      { error: error instanceof Error ? error.message : String(error) },
      'releasing the run after a fault',
    );
    return 'released';
  }
}

function orLater(error: unknown, run: Run): Run {
  if (error instanceof AppError && error.retryable) return run;
  throw error;
}
