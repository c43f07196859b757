import type { Failure } from '@crewtab/domain/errors';
import type {
  AgentPatch,
  Claim,
  CursorMove,
  RenewedLease,
  RunStore,
  WorkerIdentity,
} from '@crewtab/domain/ports/run-store';
import type { ResourceCount, Subscription } from '@crewtab/domain/ports/runtime';
import type { DraftMessage } from '@crewtab/domain/runs/message';
import type { Outcome, OutputCursor, Run, TeardownReceipt } from '@crewtab/domain/runs/run';
import { RUN_CHANGED, RUN_CONTROL, type Notifications } from './notifications';
import { claimAbandonedRuns, claimRun, releaseClaims, renewLeases, untilAbandoned } from './run-claims';
import { loadClaimed, type RunContext } from './run-context';
import { appendMessages, saveAgent } from './run-conversation';
import { findAbandoned, findNextInLine, findOfferable, lookUp } from './run-discovery';
import {
  beginRun,
  concludeRun,
  confirmPrompt,
  failTeardown,
  finishRun,
  permitPrompt,
  recordTeardownFailure,
} from './run-transitions';

/**
 * What moves runs, each method one SQL statement that is its own transaction. The statements stand in run-*.ts, by what
 * they are about; what the database refuses on top of them is in the migrations.
 */
export class PrismaRunStore implements RunStore {
  constructor(
    private readonly context: RunContext,
    private readonly notifications: Notifications,
    private readonly installation: string,
  ) {}

  installationId(): Promise<string> {
    return Promise.resolve(this.installation);
  }

  claim(runId: string, worker: WorkerIdentity): Promise<Run | null> {
    return claimRun(this.context, runId, worker);
  }

  claimAbandoned(worker: WorkerIdentity, limit: number): Promise<Run[]> {
    return claimAbandonedRuns(this.context, worker, limit);
  }

  untilAbandoned(worker: WorkerIdentity): Promise<number | null> {
    return untilAbandoned(this.context, worker);
  }

  renewLeases(worker: WorkerIdentity, claims: readonly Claim[]): Promise<RenewedLease[]> {
    return renewLeases(this.context, worker, claims);
  }

  release(claims: readonly Claim[]): Promise<void> {
    return releaseClaims(this.context, claims);
  }

  load(claim: Claim): Promise<Run> {
    return loadClaimed(this.context, claim);
  }

  begin(claim: Claim, deployment: Parameters<RunStore['begin']>[1]): Promise<Run> {
    return beginRun(this.context, claim, deployment);
  }

  saveAgent(claim: Claim, agent: string, patch: AgentPatch): Promise<void> {
    return saveAgent(this.context, claim, agent, patch);
  }

  appendMessages(claim: Claim, messages: readonly DraftMessage[], cursor?: CursorMove): Promise<OutputCursor | null> {
    return appendMessages(this.context, claim, messages, cursor);
  }

  permitPrompt(claim: Claim, message: DraftMessage): Promise<boolean> {
    return permitPrompt(this.context, claim, message);
  }

  confirmPrompt(claim: Claim): Promise<Run> {
    return confirmPrompt(this.context, claim);
  }

  conclude(claim: Claim, outcome: Outcome): Promise<Run> {
    return concludeRun(this.context, claim, outcome);
  }

  recordTeardownFailure(claim: Claim, failure: Failure, removed: ResourceCount): Promise<Run> {
    return recordTeardownFailure(this.context, claim, failure, removed);
  }

  failTeardown(claim: Claim, failure: Failure): Promise<Run> {
    return failTeardown(this.context, claim, failure);
  }

  finish(claim: Claim, removed: ResourceCount): Promise<{ run: Run; receipt: TeardownReceipt }> {
    return finishRun(this.context, claim, removed);
  }

  lookUp(runIds: readonly string[]): Promise<Map<string, { isFinished: boolean }>> {
    return lookUp(this.context, runIds);
  }

  findAbandoned(limit: number): Promise<{ runId: string; host: string }[]> {
    return findAbandoned(this.context, limit);
  }

  findOfferable(minAgeMs: number, limit: number): Promise<string[]> {
    return findOfferable(this.context, minAgeMs, limit);
  }

  findNextInLine(runId: string): Promise<string | null> {
    return findNextInLine(this.context, runId);
  }

  onRunControl(listener: (runId: string) => void): Promise<Subscription> {
    return this.notifications.subscribe(RUN_CONTROL, listener);
  }

  onRunChanged(listener: (runId: string) => void): Promise<Subscription> {
    return this.notifications.subscribe(RUN_CHANGED, listener);
  }
}
