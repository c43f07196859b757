import { AppError, ClaimLostError, type Failure } from '@crewtab/domain/errors';
import {
  DEFAULT_LEASE_MS,
  OVERDUE_GRACE_MS,
  type AgentPatch,
  type Claim,
  type CursorMove,
  type RenewedLease,
  type RunStore,
  type WorkerIdentity,
} from '@crewtab/domain/ports/run-store';
import type { ResourceCounts, Subscription } from '@crewtab/domain/ports/runtime';
import type { DraftMessage } from '@crewtab/domain/runs/message';
import type { KeptArtifact } from '@crewtab/domain/runs/artifact';
import type { FetchedRepository, Push, PushEnd } from '@crewtab/domain/runs/repository';
import {
  isConcluded,
  planWithPresets,
  planWithSecrets,
  type Outcome,
  type OutputCursor,
  type Run,
  type TeardownReceipt,
} from '@crewtab/domain/runs/run';
import type { PromptRecord } from '@crewtab/domain/runs/prompt-facts';
import type { Warning } from '@crewtab/domain/runs/warning';
import { InMemoryRunRows } from './in-memory-run-rows';
import { addCounts, agentOf, byAge, fakeUuid, release, type StoredRun } from './stored-run';

/**
 * The run store without a database: same answers, epochs, leases (by the given clock), permits and cursor checks.
 * It passes the same contract suite as the real one. Methods of the port change everything or nothing, since each runs
 * without yielding.
 */
export class InMemoryRunStore extends InMemoryRunRows implements RunStore {
  /** Values of the one organization's secrets, by name. */
  readonly secrets = new Map<string, string>();

  installationId(): Promise<string> {
    return this.transaction('installationId', () => fakeUuid(1, 5));
  }

  claim(runId: string, worker: WorkerIdentity): Promise<Run | null> {
    return this.transaction('claim', () => {
      const stored = this.runs.get(runId);
      if (!stored || stored.run.phase === 'finished' || this.isLeased(stored)) return null;
      if (stored.run.host !== null && stored.run.host !== worker.host) return null;
      if (stored.run.status === 'queued' && this.mustWait(stored)) return null;
      return this.take(stored, worker);
    });
  }

  claimAbandoned(worker: WorkerIdentity, limit: number): Promise<Run[]> {
    return this.transaction('claimAbandoned', () => {
      const deadline = ({ run }: StoredRun): number => run.deadlineAt?.getTime() ?? 0;
      const now = this.clock.now().getTime();
      const abandoned = this.begunOn(worker.host).filter((stored) => freeAt(stored, worker) < now);
      const oldest = abandoned.sort((a, b) => deadline(a) - deadline(b)).slice(0, limit);
      return oldest.map((stored) => this.take(stored, worker));
    });
  }

  untilAbandoned(worker: WorkerIdentity): Promise<number | null> {
    return this.transaction('untilAbandoned', () => {
      const foreign = this.begunOn(worker.host).filter(({ owner }) => owner !== worker.workerId);
      if (foreign.length === 0) return null;
      const first = Math.min(...foreign.map((stored) => freeAt(stored, worker)));
      return Math.max(0, first - this.clock.now().getTime());
    });
  }

  renewLeases(worker: WorkerIdentity, claims: readonly Claim[]): Promise<RenewedLease[]> {
    return this.transaction('renewLeases', () =>
      claims.flatMap((claim) => {
        const stored = this.runs.get(claim.runId);
        const holds =
          stored?.run.epoch === claim.epoch && stored.owner === worker.workerId && stored.run.phase !== 'finished';
        if (!stored || !holds) return [];
        stored.leaseUntil = this.leaseEnd(worker);
        return [{ ...claim, cancelRequestedAt: stored.run.cancelRequestedAt, cancelCode: stored.run.cancelCode }];
      }),
    );
  }

  release(claims: readonly Claim[]): Promise<void> {
    return this.transaction('release', () => {
      for (const claim of claims) {
        const stored = this.runs.get(claim.runId);
        if (stored?.run.epoch === claim.epoch) release(stored);
      }
    });
  }

  load(claim: Claim): Promise<Run> {
    return this.transaction('load', () => this.held(claim).run);
  }

  begin(
    claim: Claim,
    { presets = {}, secrets = [], prompt, ...deployment }: Parameters<RunStore['begin']>[1],
  ): Promise<Run> {
    return this.transaction('begin', () => {
      const stored = this.held(claim);
      if (stored.run.phase !== 'queued') return stored.run;
      if (stored.isExclusive && this.siblings(stored).some(({ run }) => run.status === 'running')) {
        release(stored);
        throw new ClaimLostError(claim.runId);
      }
      const startedAt = this.clock.now();
      const deadlineAt = new Date(startedAt.getTime() + stored.run.plan.timeoutMs);
      const known = secrets.flatMap((name) => {
        const value = this.secrets.get(name);
        return value === undefined ? [] : [[name, value] as const];
      });
      const plan = planWithSecrets(stored.run.plan, Object.fromEntries(known));
      const intent = this.planDeployment(stored.run, deployment);
      return this.change(stored, {
        ...this.keepWorkspace(stored, deployment.host),
        status: 'running',
        phase: 'deploying',
        host: deployment.host,
        plan: { ...planWithPresets(plan, presets), ...(typeof prompt?.text === 'string' && { prompt: prompt.text }) },
        ...(prompt && { window: prompt.window }),
        startedAt,
        deadlineAt,
        deployment: intent,
      });
    });
  }

  /** As if its schedule had been made an hour before, and never run. */
  readPromptRecord(claim: Claim): Promise<PromptRecord | null> {
    return this.transaction('readPromptRecord', () => {
      const { run } = this.held(claim);
      if (run.scheduleId === null) return null;
      const scheduleCreatedAt = new Date(run.scheduledFor.getTime() - 3_600_000);
      const nothing = { coveredUntil: null, keptWindow: null, lastRun: null };
      return { scheduleName: 'Schedule', timezone: 'UTC', scheduleCreatedAt, ...nothing };
    });
  }

  saveAgent(claim: Claim, agent: string, patch: AgentPatch): Promise<void> {
    return this.transaction('saveAgent', () => {
      const stored = this.held(claim);
      this.changeAgent(stored, agent, patch);
    });
  }

  appendMessages(claim: Claim, messages: readonly DraftMessage[], cursor?: CursorMove): Promise<OutputCursor | null> {
    return this.transaction('appendMessages', () => {
      const stored = this.held(claim);
      if (cursor) {
        const { cursor: current } = agentOf(stored.run, cursor.agent);
        if (current.stdout !== cursor.from.stdout || current.stderr !== cursor.from.stderr) return current;
        this.changeAgent(stored, cursor.agent, {
          cursor: cursor.to,
          activeAt: this.clock.now(),
          ...(cursor.usage && { usage: cursor.usage }),
        });
      }
      this.append(stored, messages);
      return cursor?.to ?? null;
    });
  }

  permitPrompt(claim: Claim, message: DraftMessage): Promise<boolean> {
    return this.transaction('permitPrompt', () => {
      const stored = this.held(claim);
      if (stored.permitEpoch !== null) return stored.permitEpoch === claim.epoch;
      requirePhase(stored.run, 'deploying');
      stored.permitEpoch = claim.epoch;
      this.append(stored, [message]);
      for (const { name, readyAt } of stored.run.deployment?.agents ?? [])
        if (!readyAt) this.changeAgent(stored, name, { readyAt: this.clock.now() });
      this.change(stored, { phase: 'prompting', prompt: { state: 'permitted', permittedAt: this.clock.now() } });
      return true;
    });
  }

  confirmPrompt(claim: Claim): Promise<Run> {
    return this.transaction('confirmPrompt', () => {
      const stored = this.held(claim);
      const { phase, prompt } = stored.run;
      if (phase === 'monitoring' || phase === 'verifying' || isConcluded(phase)) return stored.run;
      requirePhase(stored.run, 'prompting');
      const now = this.clock.now();
      const permittedAt = prompt.state === 'none' ? now : prompt.permittedAt;
      return this.change(stored, { phase: 'monitoring', prompt: { state: 'sent', permittedAt, sentAt: now } });
    });
  }

  conclude(claim: Claim, outcome: Outcome, warnings: readonly Warning[] = []): Promise<Run> {
    return this.transaction('conclude', () => {
      const stored = this.held(claim);
      const { phase } = stored.run;
      if (isConcluded(phase)) return stored.run;
      if (stored.run.cancelRequestedAt && phase !== 'queued' && outcome.status !== 'cancelled') return stored.run;
      requirePhase(stored.run, 'deploying', 'prompting', 'monitoring', 'verifying');
      requireVerified(stored.run, outcome);
      const { push } = stored.run;
      const cut: Partial<Run> =
        push?.state === 'pushing'
          ? { push: { ...push, state: 'unconfirmed', message: 'the run ended in the middle of it' } }
          : {};
      const now = this.clock.now();
      const { artifacts, workspace } = stored.run.plan;
      const collects = (artifacts !== undefined || workspace?.git?.diff === true) && phase !== 'deploying';
      const moved = collects
        ? ({ phase: 'collecting' } as const)
        : ({ phase: 'tearing_down', teardown: { ...stored.run.teardown, begunAt: now } } as const);
      const ended = outcome.status === 'success' ? {} : { status: outcome.status, finishedAt: now };
      const told = phase === 'verifying' ? stored.run.warnings : warnings;
      const { unverifiedResult: _, ...run } = stored.run;
      stored.run = run;
      return this.change(stored, { ...moved, ...cut, outcome, concludedAt: now, warnings: told, ...ended });
    });
  }

  endWork(claim: Claim, result: string, warnings: readonly Warning[]): Promise<Run> {
    return this.transaction('endWork', () => {
      const stored = this.held(claim);
      const { phase } = stored.run;
      if (phase === 'verifying' || isConcluded(phase)) return stored.run;
      requirePhase(stored.run, 'monitoring');
      return this.change(stored, { phase: 'verifying', unverifiedResult: result, warnings });
    });
  }

  noteRepository(claim: Claim, repository: FetchedRepository): Promise<void> {
    return this.transaction('noteRepository', () => {
      const stored = this.held(claim);
      requirePhase(stored.run, 'deploying');
      this.change(stored, { repository });
    });
  }

  beginPush(claim: Claim, { branch, commit }: Pick<Push, 'branch' | 'commit'>): Promise<Push> {
    return this.transaction('beginPush', () => {
      const stored = this.held(claim);
      requirePhase(stored.run, 'verifying');
      const push = stored.run.push ?? { branch, commit, state: 'pushing', message: null };
      this.change(stored, { push });
      return push;
    });
  }

  endPush(claim: Claim, end: PushEnd): Promise<void> {
    return this.transaction('endPush', () => {
      const stored = this.held(claim);
      const { push, phase, id } = stored.run;
      if (!push) throw new AppError('conflict', `run ${id} is in phase ${phase}, and pushes nothing`);
      if (push.state === 'pushing' || push.state === 'unconfirmed') this.change(stored, { push: { ...push, ...end } });
    });
  }

  endCollecting(claim: Claim, kept: readonly KeptArtifact[], warnings: readonly Warning[]): Promise<Run> {
    return this.transaction('endCollecting', () => {
      const stored = this.held(claim);
      const { phase, teardown, warnings: known } = stored.run;
      if (phase === 'tearing_down' || phase === 'finished') return stored.run;
      requirePhase(stored.run, 'collecting');
      stored.kept.push(...kept);
      const artifacts = { count: kept.length, bytes: kept.reduce((sum, { bytes }) => sum + bytes, 0) };
      return this.change(stored, {
        phase: 'tearing_down',
        teardown: { ...teardown, begunAt: this.clock.now() },
        warnings: [...known, ...warnings],
        artifacts,
      });
    });
  }

  recordTeardownFailure(claim: Claim, failure: Failure, removed: ResourceCounts): Promise<Run> {
    return this.transaction('recordTeardownFailure', () => {
      const stored = this.held(claim);
      requirePhase(stored.run, 'tearing_down');
      stored.removed = addCounts(stored.removed, removed);
      const { teardown } = stored.run;
      return this.change(stored, {
        teardown: { ...teardown, failedAttempts: teardown.failedAttempts + 1, error: failure },
      });
    });
  }

  failTeardown(claim: Claim, failure: Failure): Promise<Run> {
    return this.transaction('failTeardown', () => {
      const stored = this.held(claim);
      if (stored.run.finishedAt) return stored.run;
      requirePhase(stored.run, 'tearing_down');
      const outcome: Outcome = { status: 'failed', result: stored.run.outcome?.result ?? null, error: failure };
      return this.change(stored, { status: 'failed', finishedAt: this.clock.now(), outcome });
    });
  }

  finish(claim: Claim, removed: ResourceCounts): Promise<{ run: Run; receipt: TeardownReceipt }> {
    return this.transaction('finish', () => {
      const stored = this.held(claim);
      const { run } = stored;
      if (run.teardown.receipt) return { run, receipt: run.teardown.receipt };
      requirePhase(run, 'tearing_down');
      stored.removed = addCounts(stored.removed, removed);
      const now = this.clock.now();
      const receipt = { removed: stored.removed, verifiedAt: now, givenUp: null };
      const ended = run.finishedAt ? {} : ({ status: 'success', finishedAt: now } as const);
      release(stored);
      return {
        run: this.change(stored, { phase: 'finished', teardown: { ...run.teardown, receipt }, ...ended }),
        receipt,
      };
    });
  }

  lookUp(runIds: readonly string[]): Promise<Map<string, { isFinished: boolean }>> {
    return this.transaction('lookUp', () => {
      const known = runIds.flatMap((id) => this.runs.get(id) ?? []);
      return new Map(known.map(({ run }) => [run.id, { isFinished: run.phase === 'finished' }]));
    });
  }

  findAbandoned(limit: number): Promise<{ runId: string; host: string }[]> {
    return this.transaction('findAbandoned', () => {
      const found = this.abandoned().map(({ run }) => ({ runId: run.id, host: run.host ?? '' }));
      return found.slice(0, limit);
    });
  }

  findOfferable(minAgeMs: number, limit: number): Promise<string[]> {
    return this.transaction('findOfferable', () => {
      const youngest = this.clock.now().getTime() - minAgeMs;
      const isOfferable = (stored: StoredRun): boolean =>
        stored.run.status === 'queued' &&
        !this.isLeased(stored) &&
        stored.queuedAt.getTime() <= youngest &&
        !this.mustWait(stored);
      return [...this.runs.values()]
        .filter(isOfferable)
        .sort(byAge)
        .slice(0, limit)
        .map(({ run }) => run.id);
    });
  }

  findNextInLine(runId: string): Promise<string | null> {
    return this.transaction('findNextInLine', () => {
      const ended = this.runs.get(runId);
      const waiting = (ended ? this.siblings(ended) : []).filter(
        (stored) =>
          stored.isExclusive && stored.run.status === 'queued' && !this.isLeased(stored) && !this.mustWait(stored),
      );
      return waiting.sort(byAge)[0]?.run.id ?? null;
    });
  }

  onRunControl(listener: (runId: string) => void): Promise<Subscription> {
    return Promise.resolve(this.control.add(listener));
  }

  onRunChanged(listener: (runId: string) => void): Promise<Subscription> {
    return Promise.resolve(this.changed.add(listener));
  }
}

/** When its lease ends, or ceases to count: it was not renewed since the deadline. */
function freeAt({ run, leaseUntil }: StoredRun, { leaseMs = DEFAULT_LEASE_MS }: WorkerIdentity): number {
  if (!leaseUntil) return -Infinity;
  const deadlineAt = run.deadlineAt?.getTime() ?? Infinity;
  const isUnrenewed = run.status === 'running' && leaseUntil.getTime() < deadlineAt + leaseMs;
  return isUnrenewed ? Math.min(leaseUntil.getTime(), deadlineAt + OVERDUE_GRACE_MS) : leaseUntil.getTime();
}

/** As the database refuses it. */
function requireVerified({ id, plan, push }: Run, { status, verification }: Outcome): void {
  const isPushed = !plan.workspace?.git?.push || push?.state === 'pushed' || push?.state === 'nothing';
  if (status === 'success' && !isPushed)
    throw new AppError('internal', `run ${id} cannot succeed before its work is pushed`);
  if (status === 'success' && plan.verify && verification?.status !== 'passed')
    throw new AppError('internal', `run ${id} cannot succeed without its verification`);
}

function requirePhase(run: Run, ...phases: Run['phase'][]): void {
  if (!phases.includes(run.phase)) {
    throw new AppError('conflict', `run ${run.id} is in phase ${run.phase}, not in ${phases.join(' or ')}`);
  }
}
