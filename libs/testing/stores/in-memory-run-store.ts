import { AppError, ClaimLostError, type Failure } from '@crewtab/domain/errors';
import type { Clock } from '@crewtab/domain/ports/clock';
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
import type { ResourceCount, Subscription } from '@crewtab/domain/ports/runtime';
import type { DraftMessage, Message } from '@crewtab/domain/runs/message';
import {
  START_OF_OUTPUT,
  type DeployedAgent,
  type Deployment,
  type Outcome,
  type OutputCursor,
  type Run,
  type TeardownReceipt,
} from '@crewtab/domain/runs/run';
import { Listeners } from './listeners';
import { fakeUuid, seedRun, type RunSeed, type StoredRun } from './stored-run';

/**
 * The run store without a database: same answers, epochs, leases (by the given clock), permits and cursor checks.
 * It passes the same contract suite as the real one. Methods of the port change everything or nothing, since each runs
 * without yielding; the `Listeners` are called in a later microtask, as notifications of a commit would be.
 */
export class InMemoryRunStore implements RunStore {
  private readonly runs = new Map<string, StoredRun>();
  private readonly control = new Listeners<string>();
  private readonly changed = new Listeners<string>();
  private readonly answersToLose = new Map<string, number>();
  private isUnreachable = false;
  private deployments = 0;

  constructor(private readonly clock: Clock) {}

  // For tests

  addRun(seed: RunSeed = {}): Run {
    const stored = seedRun(seed, this.runs.size + 1, this.clock.now());
    this.runs.set(stored.run.id, stored);
    return stored.run;
  }

  /** The run as it stands now, without any claim. */
  read(runId: string): Run {
    return this.get(runId).run;
  }

  /** Every run, in the order in which they were made. */
  all(): Run[] {
    return [...this.runs.values()].map(({ run }) => run);
  }

  messages(runId: string): readonly Message[] {
    return this.get(runId).messages;
  }

  /** Who holds the run, whether or not the lease is still live. */
  ownerOf(runId: string): string | null {
    return this.get(runId).owner;
  }

  /** As if the lease of this run had run out. */
  expireLease(runId: string): void {
    const stored = this.get(runId);
    if (stored.leaseUntil) stored.leaseUntil = new Date(this.clock.now().getTime() - 1);
  }

  /** As if the deadline had passed so long ago, and the lease been renewed `renewedMsAgo`. */
  passDeadline(runId: string, agoMs: number, renewedMsAgo: number): void {
    const stored = this.get(runId);
    const now = this.clock.now().getTime();
    stored.run = { ...stored.run, deadlineAt: new Date(now - agoMs) };
    stored.leaseUntil = new Date(now - renewedMsAgo + DEFAULT_LEASE_MS);
  }

  /** What `RunArchive.requestCancel` does to the row. */
  requestCancel(runId: string, code: 'cancelled' | 'replaced' = 'cancelled'): void {
    const stored = this.get(runId);
    const { run } = stored;
    if (run.finishedAt || run.phase === 'tearing_down') return;
    const now = this.clock.now();
    const cancelRequestedAt = run.cancelRequestedAt ?? now;
    if (run.status === 'queued' && !this.isLeased(stored)) {
      const error: Failure = {
        code,
        message: code === 'replaced' ? 'a newer run of the schedule took its place' : 'cancelled on request',
      };
      const outcome: Outcome = { status: 'cancelled', result: null, error };
      const ended = { status: 'cancelled', phase: 'finished', epoch: run.epoch + 1, finishedAt: now, outcome } as const;
      this.change(stored, { ...ended, cancelRequestedAt, cancelCode: run.cancelCode ?? code });
    } else {
      this.change(stored, { cancelRequestedAt, cancelCode: run.cancelCode ?? code });
    }
    this.control.notify(runId);
  }

  /** While true every method throws `store_unreachable` without any effect. */
  setUnreachable(isUnreachable: boolean): void {
    this.isUnreachable = isUnreachable;
  }

  /** The next `times` calls of the method have their effect, but the caller sees `store_unreachable`. */
  loseAnswers(method: keyof RunStore, times = 1): void {
    this.answersToLose.set(method, times);
  }

  // For stores that stand on the same rows

  rows(): readonly StoredRun[] {
    return [...this.runs.values()];
  }

  /** Claims a row for the worker, as `claim` does. */
  take(stored: StoredRun, worker: WorkerIdentity): Run {
    stored.owner = worker.workerId;
    stored.leaseUntil = this.leaseEnd(worker);
    stored.run = { ...stored.run, epoch: stored.run.epoch + 1 };
    return stored.run;
  }

  isLeased({ leaseUntil }: StoredRun): boolean {
    return leaseUntil !== null && leaseUntil > this.clock.now();
  }

  /** What the database does to a row that nobody may write any more: the epoch grows and the claim is empty. */
  seize(stored: StoredRun, patch: Partial<Run>, message: DraftMessage): Run {
    letGo(stored);
    this.append(stored, [message]);
    return this.change(stored, { ...patch, epoch: stored.run.epoch + 1 });
  }

  change(stored: StoredRun, patch: Partial<Run>): Run {
    stored.run = { ...stored.run, ...patch };
    this.changed.notify(stored.run.id);
    return stored.run;
  }

  /** Throws while the store is told not to answer. */
  async connect(): Promise<void> {
    await Promise.resolve();
    if (this.isUnreachable) throw unreachable();
  }

  // The port

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
        if (stored?.run.epoch === claim.epoch) letGo(stored);
      }
    });
  }

  load(claim: Claim): Promise<Run> {
    return this.transaction('load', () => this.held(claim).run);
  }

  begin(claim: Claim, deployment: { name: string; fallbackName: string; host: string; runtime: string }): Promise<Run> {
    return this.transaction('begin', () => {
      const stored = this.held(claim);
      if (stored.run.phase !== 'queued') return stored.run;
      if (stored.isExclusive && this.siblings(stored).some(({ run }) => run.status === 'running')) {
        letGo(stored);
        throw new ClaimLostError(claim.runId);
      }
      const startedAt = this.clock.now();
      const deadlineAt = new Date(startedAt.getTime() + stored.run.plan.timeoutMs);
      const intent = this.planDeployment(stored.run, deployment);
      return this.change(stored, {
        status: 'running',
        phase: 'deploying',
        host: deployment.host,
        startedAt,
        deadlineAt,
        deployment: intent,
      });
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
        this.changeAgent(stored, cursor.agent, { cursor: cursor.to });
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
      if (phase === 'monitoring' || phase === 'tearing_down' || phase === 'finished') return stored.run;
      requirePhase(stored.run, 'prompting');
      const now = this.clock.now();
      const permittedAt = prompt.state === 'none' ? now : prompt.permittedAt;
      return this.change(stored, { phase: 'monitoring', prompt: { state: 'sent', permittedAt, sentAt: now } });
    });
  }

  conclude(claim: Claim, outcome: Outcome): Promise<Run> {
    return this.transaction('conclude', () => {
      const stored = this.held(claim);
      const { phase } = stored.run;
      if (phase === 'tearing_down' || phase === 'finished') return stored.run;
      if (stored.run.cancelRequestedAt && phase !== 'queued' && outcome.status !== 'cancelled') return stored.run;
      requirePhase(stored.run, 'deploying', 'prompting', 'monitoring');
      const now = this.clock.now();
      const teardown = { ...stored.run.teardown, begunAt: now };
      const ended = outcome.status === 'success' ? {} : { status: outcome.status, finishedAt: now };
      return this.change(stored, { phase: 'tearing_down', outcome, teardown, ...ended });
    });
  }

  recordTeardownFailure(claim: Claim, failure: Failure, removed: ResourceCount): Promise<Run> {
    return this.transaction('recordTeardownFailure', () => {
      const stored = this.held(claim);
      requirePhase(stored.run, 'tearing_down');
      stored.removed = add(stored.removed, removed);
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

  finish(claim: Claim, removed: ResourceCount): Promise<{ run: Run; receipt: TeardownReceipt }> {
    return this.transaction('finish', () => {
      const stored = this.held(claim);
      const { run } = stored;
      if (run.teardown.receipt) return { run, receipt: run.teardown.receipt };
      requirePhase(run, 'tearing_down');
      stored.removed = add(stored.removed, removed);
      const now = this.clock.now();
      const receipt = { ...stored.removed, verifiedAt: now, givenUp: null };
      const ended = run.finishedAt ? {} : ({ status: 'success', finishedAt: now } as const);
      letGo(stored);
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

  private async transaction<T>(method: keyof RunStore, work: () => T): Promise<T> {
    await Promise.resolve();
    if (this.isUnreachable) throw unreachable();
    const result = work();
    const toLose = this.answersToLose.get(method) ?? 0;
    if (toLose === 0) return result;
    this.answersToLose.set(method, toLose - 1);
    throw unreachable();
  }

  private get(runId: string): StoredRun {
    const stored = this.runs.get(runId);
    if (!stored) throw new Error(`the in-memory store has no run ${runId}`);
    return stored;
  }

  private held(claim: Claim): StoredRun {
    const stored = this.runs.get(claim.runId);
    if (stored?.run.epoch !== claim.epoch) throw new ClaimLostError(claim.runId);
    return stored;
  }

  private leaseEnd({ leaseMs = DEFAULT_LEASE_MS }: WorkerIdentity): Date {
    return new Date(this.clock.now().getTime() + leaseMs);
  }

  private abandoned(): StoredRun[] {
    return this.begun().filter((stored) => !this.isLeased(stored));
  }

  private begunOn(host: string): StoredRun[] {
    return this.begun().filter(({ run }) => run.host === host);
  }

  private begun(): StoredRun[] {
    return [...this.runs.values()].filter(({ run }) => run.phase !== 'queued' && run.phase !== 'finished');
  }

  private siblings(stored: StoredRun): StoredRun[] {
    return [...this.runs.values()].filter(
      (other) => other !== stored && other.run.scheduleId === stored.run.scheduleId,
    );
  }

  /** An exclusive run waits for the running one of its schedule, and for those that queued before it. */
  private mustWait(stored: StoredRun): boolean {
    if (!stored.isExclusive) return false;
    return this.siblings(stored).some(
      (other) =>
        other.run.status === 'running' ||
        (other.isExclusive && other.run.status === 'queued' && byAge(other, stored) < 0),
    );
  }

  private planDeployment(run: Run, { name, fallbackName }: { name: string; fallbackName: string }): Deployment {
    const taken = new Set([...this.runs.values()].map((other) => other.run.deployment?.name));
    const agents = run.plan.agents.map((agent): DeployedAgent => ({
      name: agent.name,
      handle: null,
      startedAt: null,
      readyAt: null,
      cursor: START_OF_OUTPUT,
    }));
    this.deployments += 1;
    return { id: fakeUuid(this.deployments, 6), name: taken.has(name) ? fallbackName : name, agents };
  }

  private changeAgent(stored: StoredRun, name: string, patch: Partial<DeployedAgent>): void {
    agentOf(stored.run, name);
    const { deployment } = stored.run;
    if (!deployment) return;
    const agents = deployment.agents.map((agent) => (agent.name === name ? { ...agent, ...patch } : agent));
    this.change(stored, { deployment: { ...deployment, agents } });
  }

  private append(stored: StoredRun, drafts: readonly DraftMessage[]): void {
    for (const draft of drafts) stored.messages.push({ ...structuredClone(draft), seq: stored.messages.length + 1 });
    if (drafts.length > 0) this.changed.notify(stored.run.id);
  }
}

/** When its lease ends, or ceases to count: it was not renewed since the deadline. */
function freeAt({ run, leaseUntil }: StoredRun, { leaseMs = DEFAULT_LEASE_MS }: WorkerIdentity): number {
  if (!leaseUntil) return -Infinity;
  const deadlineAt = run.deadlineAt?.getTime() ?? Infinity;
  const isUnrenewed = run.status === 'running' && leaseUntil.getTime() < deadlineAt + leaseMs;
  return isUnrenewed ? Math.min(leaseUntil.getTime(), deadlineAt + OVERDUE_GRACE_MS) : leaseUntil.getTime();
}

function letGo(stored: StoredRun): void {
  stored.owner = null;
  stored.leaseUntil = null;
}

function agentOf(run: Run, name: string): DeployedAgent {
  const agent = run.deployment?.agents.find((candidate) => candidate.name === name);
  if (!agent) throw new AppError('not_found', `run ${run.id} has no deployed agent "${name}"`);
  return agent;
}

function requirePhase(run: Run, ...phases: Run['phase'][]): void {
  if (!phases.includes(run.phase)) {
    throw new AppError('conflict', `run ${run.id} is in phase ${run.phase}, not in ${phases.join(' or ')}`);
  }
}

function byAge(a: StoredRun, b: StoredRun): number {
  return a.run.scheduledFor.getTime() - b.run.scheduledFor.getTime() || (a.run.id < b.run.id ? -1 : 1);
}

function add(a: ResourceCount, b: ResourceCount): ResourceCount {
  return { containers: a.containers + b.containers, networks: a.networks + b.networks, volumes: a.volumes + b.volumes };
}

function unreachable(): AppError {
  return new AppError('store_unreachable', 'the in-memory store was told not to answer', { retryable: true });
}
