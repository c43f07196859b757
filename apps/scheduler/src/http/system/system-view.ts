import type { SystemAnswer } from '@crewtab/api-contract/system-routes';
import type { SettingInForce } from '@crewtab/config/read-settings';
import type {
  HostView,
  PendingTeardownView,
  SchedulerView,
  SystemState,
  WorkerView,
} from '@crewtab/domain/ports/host-store';
import type { QueueJobs } from '../http-deps';

export function toSystemView(
  state: SystemState,
  queues: readonly QueueJobs[] | null,
  settings: readonly SettingInForce[],
): SystemAnswer {
  return {
    at: state.at.toISOString(),
    hosts: state.hosts.map(toHost),
    workers: state.workers.map(toWorker),
    schedulers: state.schedulers.map(toScheduler),
    openObligations: state.pendingTeardownCount,
    obligations: state.pendingTeardowns.map(toPendingTeardown),
    queues: queues && queues.map(({ name, jobs }) => ({ name, jobs: { ...jobs } })),
    settings: settings.map((setting) => ({ ...setting })),
    unheldRuns: state.unheldRuns,
  };
}

function toHost(host: HostView): SystemAnswer['hosts'][number] {
  return {
    id: host.id,
    runtime: host.runtime,
    description: host.description,
    // The API's word from before 0.2.
    state: host.state === 'unresponsive' ? 'silent' : host.state,
    firstSeenAt: host.firstSeenAt.toISOString(),
    lastSeenAt: host.lastSeenAt.toISOString(),
    reapedAt: host.reapedAt?.toISOString() ?? null,
    decommissionedAt: host.decommissionedAt?.toISOString() ?? null,
    decommissionedBy: host.decommissionedBy,
    begunRuns: host.begunRuns,
    openObligations: host.pendingTeardownCount,
  };
}

function toWorker(worker: WorkerView): SystemAnswer['workers'][number] {
  const { reaper, leases } = worker;
  return {
    ...toProcess(worker),
    host: worker.host,
    capacity: worker.capacity,
    heldRuns: worker.heldRuns,
    adoptedRuns: worker.adoptedRuns,
    refusal: worker.refusal,
    reaper: {
      lastPassAt: reaper.lastIterationAt?.toISOString() ?? null,
      reapedRuns: reaper.reapedRuns,
      resistingThings: reaper.unremovedResources,
      error: reaper.error,
    },
    leases: leases.map(({ runId, epoch, phase, leaseUntil }) => ({
      runId,
      epoch,
      phase,
      leaseUntil: leaseUntil.toISOString(),
    })),
  };
}

function toScheduler(scheduler: SchedulerView): SystemAnswer['schedulers'][number] {
  const { lastIterationAt, error } = scheduler.sweeper;
  return { ...toProcess(scheduler), sweeper: { lastPassAt: lastIterationAt?.toISOString() ?? null, error } };
}

function toProcess({ id, hostname, pid, version, isLive, startedAt, lastSeenAt }: WorkerView | SchedulerView) {
  const instants = { startedAt: startedAt.toISOString(), lastSeenAt: lastSeenAt.toISOString() };
  return { id, hostname, pid, version, isLive, ...instants };
}

function toPendingTeardown({
  runId,
  host,
  status,
  since,
  failedAttempts,
  error,
}: PendingTeardownView): SystemAnswer['obligations'][number] {
  return { runId, host, status, since: since.toISOString(), failedAttempts, error };
}
