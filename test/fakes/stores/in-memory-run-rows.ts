import { AppError, ClaimLostError, type Failure } from '@crewtab/domain/errors';
import type { Clock } from '@crewtab/domain/ports/clock';
import { DEFAULT_LEASE_MS, type Claim, type RunStore, type WorkerIdentity } from '@crewtab/domain/ports/run-store';
import type { KeptArtifact } from '@crewtab/domain/runs/artifact';
import type { DraftMessage, Message } from '@crewtab/domain/runs/message';
import {
  isConcluded,
  START_OF_OUTPUT,
  type DeployedAgent,
  type Deployment,
  type Outcome,
  type Run,
} from '@crewtab/domain/runs/run';
import { deriveRunEvents } from './derive-run-events';
import { InMemoryRunEventLog } from './in-memory-run-event-log';
import { Listeners } from './listeners';
import { agentOf, byAge, fakeUuid, release, seedRun, type RunSeed, type StoredRun } from './stored-run';

/**
 * The rows of runs without a database, what tests do to them, and what statements are made of. The `Listeners` are called
 * in a later microtask, as notifications of a commit would be.
 */
export class InMemoryRunRows {
  /** What happened to the runs. */
  readonly events = new InMemoryRunEventLog();
  protected readonly runs = new Map<string, StoredRun>();
  /** By schedule. */
  readonly keptWorkspaces = new Map<string, { generation: number; host: string | null; emptied: string | null }>();
  protected readonly control = new Listeners<string>();
  protected readonly changed = new Listeners<string>();
  private readonly answersToLose = new Map<string, number>();
  private isUnreachable = false;
  private deployments = 0;

  constructor(protected readonly clock: Clock) {}

  // For tests

  addRun(seed: RunSeed = {}): Run {
    const stored = seedRun(seed, this.runs.size + 1, this.clock.now());
    this.runs.set(stored.run.id, stored);
    this.events.append(deriveRunEvents(null, stored, this.clock.now()));
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

  /** The files that were kept of it, as far as its row tells. */
  kept(runId: string): readonly KeptArtifact[] {
    return this.get(runId).kept;
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
    if (run.finishedAt || isConcluded(run.phase)) return;
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

  // For stores that stand on these rows

  rows(): readonly StoredRun[] {
    return [...this.runs.values()];
  }

  /** Claims a row for the worker, as `claim` does. */
  take(stored: StoredRun, worker: WorkerIdentity): Run {
    const claim = { owner: worker.workerId, leaseUntil: this.leaseEnd(worker) };
    return this.write(stored, { ...stored.run, epoch: stored.run.epoch + 1 }, claim);
  }

  isLeased({ leaseUntil }: StoredRun): boolean {
    return leaseUntil !== null && leaseUntil > this.clock.now();
  }

  /** What the database does to a row that no worker may write any more: the epoch grows and the claim is empty. */
  seize(stored: StoredRun, patch: Partial<Run>, message: DraftMessage): Run {
    release(stored);
    this.append(stored, [message]);
    return this.change(stored, { ...patch, epoch: stored.run.epoch + 1 });
  }

  change(stored: StoredRun, patch: Partial<Run>): Run {
    this.write(stored, { ...stored.run, ...patch }, stored);
    this.changed.notify(stored.run.id);
    return stored.run;
  }

  /** Every change of a row passes here, as it passes the database's triggers. */
  private write(stored: StoredRun, run: Run, { owner, leaseUntil }: Pick<StoredRun, 'owner' | 'leaseUntil'>): Run {
    const before = { ...stored };
    Object.assign(stored, { run, owner, leaseUntil });
    this.events.append(deriveRunEvents(before, stored, this.clock.now()));
    return run;
  }

  /** Throws while the store is told not to answer. */
  async connect(): Promise<void> {
    await Promise.resolve();
    if (this.isUnreachable) throw unreachable();
  }

  protected async transaction<T>(method: keyof RunStore, work: () => T): Promise<T> {
    await Promise.resolve();
    if (this.isUnreachable) throw unreachable();
    const result = work();
    const toLose = this.answersToLose.get(method) ?? 0;
    if (toLose === 0) return result;
    this.answersToLose.set(method, toLose - 1);
    throw unreachable();
  }

  protected get(runId: string): StoredRun {
    const stored = this.runs.get(runId);
    if (!stored) throw new Error(`the in-memory store has no run ${runId}`);
    return stored;
  }

  protected held(claim: Claim): StoredRun {
    const stored = this.runs.get(claim.runId);
    if (stored?.run.epoch !== claim.epoch) throw new ClaimLostError(claim.runId);
    return stored;
  }

  protected leaseEnd({ leaseMs = DEFAULT_LEASE_MS }: WorkerIdentity): Date {
    return new Date(this.clock.now().getTime() + leaseMs);
  }

  protected abandoned(): StoredRun[] {
    return this.begun().filter((stored) => !this.isLeased(stored));
  }

  protected begunOn(host: string): StoredRun[] {
    return this.begun().filter(({ run }) => run.host === host);
  }

  protected begun(): StoredRun[] {
    return [...this.runs.values()].filter(({ run }) => run.phase !== 'queued' && run.phase !== 'finished');
  }

  protected siblings(stored: StoredRun): StoredRun[] {
    return [...this.runs.values()].filter(
      (other) => other !== stored && other.run.scheduleId !== null && other.run.scheduleId === stored.run.scheduleId,
    );
  }

  /** An exclusive run waits for the running one of its schedule, and for those that queued before it. */
  protected mustWait(stored: StoredRun): boolean {
    if (!stored.isExclusive) return false;
    const hasWorkspace = ({ run }: StoredRun): boolean =>
      run.keptWorkspace !== undefined && run.phase !== 'queued' && run.phase !== 'finished';
    if (stored.run.plan.workspace?.persist && this.siblings(stored).some(hasWorkspace)) return true;
    return this.siblings(stored).some(
      (other) =>
        other.run.status === 'running' ||
        (other.isExclusive && other.run.status === 'queued' && byAge(other, stored) < 0),
    );
  }

  /** As the statement that begins a run has it. */
  protected keepWorkspace({ run, isExclusive }: StoredRun, host: string): Partial<Run> {
    const { scheduleId, plan } = run;
    if (!plan.workspace?.persist) return {};
    if (scheduleId === null) return { workspaceNotice: 'a run without a schedule has a workspace of its own' };
    if (!isExclusive)
      return { workspaceNotice: 'runs of a schedule with the overlap policy allow have workspaces of their own' };
    const known = this.keptWorkspaces.get(scheduleId) ?? { generation: 1, host, emptied: null };
    const isElsewhere = known.host !== null && known.host !== host;
    const generation = known.generation + (isElsewhere ? 1 : 0);
    const notice = isElsewhere ? `the run before had its workspace on the host ${known.host}` : known.emptied;
    this.keptWorkspaces.set(scheduleId, { generation, host, emptied: null });
    return { keptWorkspace: { scheduleId, generation }, ...(notice !== null && { workspaceNotice: notice }) };
  }

  protected planDeployment(run: Run, { name, fallbackName }: { name: string; fallbackName: string }): Deployment {
    const taken = new Set([...this.runs.values()].map((other) => other.run.deployment?.name));
    const agents = run.plan.agents.map((agent): DeployedAgent => ({
      name: agent.name,
      handle: null,
      startedAt: null,
      readyAt: null,
      cursor: START_OF_OUTPUT,
      activeAt: null,
    }));
    this.deployments += 1;
    return { id: fakeUuid(this.deployments, 6), name: taken.has(name) ? fallbackName : name, agents };
  }

  protected changeAgent(stored: StoredRun, name: string, patch: Partial<DeployedAgent>): void {
    agentOf(stored.run, name);
    const { deployment } = stored.run;
    if (!deployment) return;
    const agents = deployment.agents.map((agent) => (agent.name === name ? { ...agent, ...patch } : agent));
    this.change(stored, { deployment: { ...deployment, agents } });
  }

  protected append(stored: StoredRun, drafts: readonly DraftMessage[]): void {
    for (const draft of drafts) stored.messages.push({ ...structuredClone(draft), seq: stored.messages.length + 1 });
    stored.run = { ...stored.run, messageCount: stored.messages.length };
    if (drafts.length > 0) this.changed.notify(stored.run.id);
  }
}

function unreachable(): AppError {
  return new AppError('store_unreachable', 'the in-memory store was told not to answer', { retryable: true });
}
