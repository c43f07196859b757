import { ABSENT_AFTER_MS, decideLoss } from '@crewtab/domain/hosts/host-loss';
import type { Clock } from '@crewtab/domain/ports/clock';
import type {
  Decommission,
  HostStanding,
  HostStore,
  HostView,
  LostRun,
  PendingTeardownView,
  Readmission,
  HostCleanup,
  SchedulerHeartbeat,
  SchedulerView,
  SystemState,
  WorkerHeartbeat,
  WorkerView,
} from '@crewtab/domain/ports/host-store';
import type { WorkerIdentity } from '@crewtab/domain/ports/run-store';
import type { ResourceCounts } from '@crewtab/domain/ports/runtime';
import { endMessage, systemMessage } from '@crewtab/domain/runs/message';
import type { Outcome, Run } from '@crewtab/domain/runs/run';
import type { InMemoryRunStore } from './in-memory-run-store';
import { addCounts, type StoredRun } from './stored-run';

type StoredHost = Omit<HostView, 'state' | 'begunRuns' | 'pendingTeardownCount'>;
type StoredWorker = Omit<WorkerView, 'isLive' | 'leases'>;
type StoredScheduler = Omit<SchedulerView, 'isLive'> & { readonly steadySince: Date };

/** The host store without a database; its runs are those of an `InMemoryRunStore`, as is its reachability. */
export class InMemoryHostStore implements HostStore {
  private readonly hosts = new Map<string, StoredHost>();
  private readonly workers = new Map<string, StoredWorker>();
  private readonly schedulers = new Map<string, StoredScheduler>();

  constructor(
    private readonly runs: InMemoryRunStore,
    private readonly clock: Clock,
  ) {}

  async noteWorker(heartbeat: WorkerHeartbeat): Promise<HostStanding> {
    await this.runs.connect();
    const now = this.clock.now();
    const { host, reaper, ...worker } = heartbeat;
    const known = this.hosts.get(host.id) ?? {
      firstSeenAt: now,
      reapedAt: null,
      decommissionedAt: null,
      decommissionedBy: null,
    };
    this.hosts.set(host.id, { ...known, ...host, lastSeenAt: now });
    const startedAt = this.workers.get(heartbeat.id)?.startedAt ?? now;
    const { lastIterationAgoMs, ...findings } = reaper;
    const seen = { startedAt, lastSeenAt: now, reaper: { ...findings, lastIterationAt: this.ago(lastIterationAgoMs) } };
    this.workers.set(heartbeat.id, { ...worker, ...seen, host: host.id });
    return { isDecommissioned: known.decommissionedAt !== null };
  }

  async forgetWorker(workerId: string): Promise<void> {
    await this.runs.connect();
    this.workers.delete(workerId);
  }

  async readmit(hostId: string, { removed, unremovedRunIds }: HostCleanup): Promise<Readmission> {
    await this.runs.connect();
    const now = this.clock.now();
    const host = this.hosts.get(hostId);
    if (host) this.hosts.set(hostId, { ...host, reapedAt: now, decommissionedAt: null, decommissionedBy: null });
    const proven = this.runs.rows().filter((stored) => {
      const { run } = stored;
      const { receipt } = run.teardown;
      const isGivenUp = receipt?.givenUp !== null && receipt?.verifiedAt === null;
      return run.host === hostId && isGivenUp && !unremovedRunIds.includes(run.id);
    });
    for (const stored of proven) this.prove(stored, removed.get(stored.run.id), now);
    return {
      wasDecommissioned: (host?.decommissionedAt ?? null) !== null,
      verifiedRunIds: proven.map(({ run }) => run.id),
    };
  }

  async claimPendingTeardowns(worker: WorkerIdentity, limit: number): Promise<Run[]> {
    await this.runs.connect();
    const owed = this.runs.rows().filter((stored) => {
      const { host, phase, finishedAt } = stored.run;
      return host === worker.host && phase === 'tearing_down' && finishedAt !== null && !this.runs.isLeased(stored);
    });
    return owed
      .sort(byDeadline)
      .slice(0, limit)
      .map((stored) => this.runs.take(stored, worker));
  }

  async noteScheduler({ sweeper, ...heartbeat }: SchedulerHeartbeat): Promise<void> {
    await this.runs.connect();
    const now = this.clock.now();
    const known = this.schedulers.get(heartbeat.id);
    const isSteady = known && Math.abs(now.getTime() - known.lastSeenAt.getTime()) <= ABSENT_AFTER_MS;
    this.schedulers.set(heartbeat.id, {
      ...heartbeat,
      startedAt: known?.startedAt ?? now,
      lastSeenAt: now,
      steadySince: isSteady ? known.steadySince : now,
      sweeper: { lastIterationAt: this.ago(sweeper.lastIterationAgoMs), error: sweeper.error },
    });
  }

  async forgetScheduler(schedulerId: string): Promise<void> {
    await this.runs.connect();
    this.schedulers.delete(schedulerId);
  }

  async endLostRuns(schedulerId: string, hostTimeoutMs: number): Promise<LostRun[]> {
    await this.runs.connect();
    const scheduler = this.schedulers.get(schedulerId);
    if (!scheduler || !this.isLive(scheduler)) return [];
    const watched = this.runs.rows().filter(({ run }) => isActive(run));
    return watched.sort(byDeadline).flatMap((stored) => {
      const { run, leaseUntil } = stored;
      const hostSeenAt = this.hosts.get(run.host ?? '')?.lastSeenAt ?? null;
      const { steadySince } = scheduler;
      const outcome = decideLoss({ run, leaseUntil, hostSeenAt, steadySince }, this.clock.now(), hostTimeoutMs);
      return outcome ? [this.end(stored, outcome)] : [];
    });
  }

  async decommission(hostId: string, by: string): Promise<Decommission> {
    await this.runs.connect();
    const host = this.hosts.get(hostId);
    if (!host) return { state: 'absent' };
    if (host.decommissionedAt && host.decommissionedBy !== null)
      return { state: 'done', at: host.decommissionedAt, by: host.decommissionedBy, givenUpRunIds: [] };
    const live = [...this.workers.values()].filter((worker) => worker.host === hostId && this.isLive(worker));
    if (live.length > 0) return { state: 'alive', workerIds: live.map(({ id }) => id).sort() };
    const at = this.clock.now();
    this.hosts.set(hostId, { ...host, decommissionedAt: at, decommissionedBy: by });
    const owed = this.runs.rows().filter(({ run }) => run.host === hostId && isBegun(run));
    for (const stored of owed) this.giveUp(stored, by, at);
    return { state: 'done', at, by, givenUpRunIds: owed.map(({ run }) => run.id) };
  }

  async readSystem(): Promise<SystemState> {
    await this.runs.connect();
    const begun = this.runs.rows().filter(({ run }) => isBegun(run));
    const pendingTeardowns = begun.filter(({ run }) => run.phase === 'tearing_down');
    return {
      at: this.clock.now(),
      hosts: [...this.hosts.values()].map((host) => {
        const mine = begun.filter(({ run }) => run.host === host.id);
        const pendingTeardownCount = mine.filter(({ run }) => run.phase === 'tearing_down').length;
        const awake = this.isLive(host) ? 'live' : 'unresponsive';
        const state = host.decommissionedAt ? 'decommissioned' : awake;
        return { ...host, state, begunRuns: mine.length, pendingTeardownCount };
      }),
      workers: [...this.workers.values()].map((worker) => ({
        ...worker,
        isLive: this.isLive(worker),
        leases: this.leasesOf(worker.id),
      })),
      schedulers: [...this.schedulers.values()].map(({ steadySince: _, ...scheduler }) => ({
        ...scheduler,
        isLive: this.isLive(scheduler),
      })),
      pendingTeardowns: pendingTeardowns.sort(bySince).map(toPendingTeardown),
      pendingTeardownCount: pendingTeardowns.length,
      unheldRuns: begun.filter((stored) => !this.runs.isLeased(stored)).length,
    };
  }

  private end(stored: StoredRun, outcome: Outcome): LostRun {
    const { id, host, phase, teardown } = stored.run;
    const now = this.clock.now();
    const ended = { phase: 'tearing_down', status: outcome.status, outcome, finishedAt: now } as const;
    this.runs.seize(
      stored,
      { ...ended, teardown: { ...teardown, begunAt: teardown.begunAt ?? now } },
      endMessage(outcome, now),
    );
    const error = outcome.error ?? { code: 'internal', message: 'a lost run that ended well' };
    return { runId: id, host: host ?? '', phase, status: outcome.status, error };
  }

  private giveUp(stored: StoredRun, by: string, at: Date): void {
    const { run, removed } = stored;
    const error = { code: 'host_lost', message: `the host was decommissioned by ${by}` } as const;
    const ended: Partial<Run> = isActive(run)
      ? { status: 'failed', finishedAt: at, outcome: { status: 'failed', result: run.outcome?.result ?? null, error } }
      : {};
    const receipt = { removed, verifiedAt: null, givenUp: { at, by } };
    const teardown = { ...run.teardown, begunAt: run.teardown.begunAt ?? at, receipt };
    const words = `The host of this run was decommissioned by ${by}: what was made there was not removed.`;
    this.runs.seize(stored, { ...ended, phase: 'finished', teardown }, systemMessage(words, at));
  }

  private prove(stored: StoredRun, removed: ResourceCounts | undefined, at: Date): void {
    const { receipt } = stored.run.teardown;
    if (!receipt) return;
    stored.removed = addCounts(receipt.removed, removed ?? {});
    const proven = { ...receipt, removed: stored.removed, verifiedAt: at };
    this.runs.change(stored, { teardown: { ...stored.run.teardown, receipt: proven } });
  }

  private leasesOf(workerId: string): WorkerView['leases'] {
    return this.runs.rows().flatMap((stored) => {
      const { run, owner, leaseUntil } = stored;
      const isHeld =
        owner === workerId && leaseUntil !== null && this.runs.isLeased(stored) && run.phase !== 'finished';
      return isHeld ? [{ runId: run.id, epoch: run.epoch, phase: run.phase, leaseUntil }] : [];
    });
  }

  private isLive({ lastSeenAt }: { readonly lastSeenAt: Date }): boolean {
    return this.clock.now().getTime() - lastSeenAt.getTime() < ABSENT_AFTER_MS;
  }

  private ago(ms: number | null): Date | null {
    return ms === null ? null : new Date(this.clock.now().getTime() - ms);
  }
}

function isBegun({ phase }: Run): boolean {
  return phase !== 'queued' && phase !== 'finished';
}

/** Begun and not terminal. */
function isActive(run: Run): boolean {
  return isBegun(run) && run.finishedAt === null;
}

function byDeadline(a: StoredRun, b: StoredRun): number {
  return (a.run.deadlineAt?.getTime() ?? 0) - (b.run.deadlineAt?.getTime() ?? 0);
}

function bySince(a: StoredRun, b: StoredRun): number {
  return (a.run.teardown.begunAt?.getTime() ?? 0) - (b.run.teardown.begunAt?.getTime() ?? 0);
}

function toPendingTeardown({ run }: StoredRun): PendingTeardownView {
  return {
    runId: run.id,
    host: run.host ?? '',
    status: run.status,
    since: run.teardown.begunAt ?? new Date(0),
    failedAttempts: run.teardown.failedAttempts,
    error: run.teardown.error,
  };
}
