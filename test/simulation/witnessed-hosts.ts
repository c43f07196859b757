import type { HostStanding, WorkerHeartbeat } from '@crewtab/domain/ports/host-store';
import type { Clock } from '@crewtab/domain/ports/clock';
import { InMemoryHostStore } from '../fakes/stores/in-memory-host-store';
import type { InMemoryRunStore } from '../fakes/stores/in-memory-run-store';

/** The host store, which remembers by itself when each host was heard of: a call that a host is lost is judged by that. */
export class WitnessedHosts extends InMemoryHostStore {
  private readonly signs = new Map<string, number[]>();

  constructor(
    runs: InMemoryRunStore,
    private readonly time: Clock,
  ) {
    super(runs, time);
  }

  override async noteWorker(sign: WorkerHeartbeat): Promise<HostStanding> {
    const standing = await super.noteWorker(sign);
    const { id } = sign.host;
    this.signs.set(id, [...(this.signs.get(id) ?? []), this.time.now().getTime()]);
    return standing;
  }

  /** Whether any worker of the host gave a sign in the `ms` before the instant. */
  wasHeard(host: string, ms: number, before: Date): boolean {
    const end = before.getTime();
    return (this.signs.get(host) ?? []).some((at) => at > end - ms && at < end);
  }
}
