import type { HostStanding, WorkerHeartbeat } from '@crewtab/domain/ports/host-store';
import type { Clock } from '@crewtab/domain/ports/clock';
import { InMemoryHostStore } from '../fakes/stores/in-memory-host-store';
import type { InMemoryRunStore } from '../fakes/stores/in-memory-run-store';

/** The host store, which remembers by itself when each host was heard of: a call that a host is lost is judged by that. */
export class WitnessedHosts extends InMemoryHostStore {
  private readonly heartbeats = new Map<string, number[]>();

  constructor(
    runs: InMemoryRunStore,
    private readonly time: Clock,
  ) {
    super(runs, time);
  }

  override async noteWorker(heartbeat: WorkerHeartbeat): Promise<HostStanding> {
    const standing = await super.noteWorker(heartbeat);
    const { id } = heartbeat.host;
    this.heartbeats.set(id, [...(this.heartbeats.get(id) ?? []), this.time.now().getTime()]);
    return standing;
  }

  /** Whether any worker of the host sent a heartbeat in the `ms` before the instant. */
  wasHeard(host: string, ms: number, before: Date): boolean {
    const end = before.getTime();
    return (this.heartbeats.get(host) ?? []).some((at) => at > end - ms && at < end);
  }
}
