import type { EgressProxy, EgressSession, OnNetworkNotice } from '@crewtab/domain/ports/egress-proxy';

interface Served {
  readonly hosts: readonly string[];
  readonly agents: readonly string[];
  readonly notify: OnNetworkNotice;
}

/** The egress proxy without sockets: a test plays what goes through it by `notify`. */
export class FakeEgressProxy implements EgressProxy {
  readonly traffic = { allowed: 0, refused: 0, bytes: 0 };
  readonly served = new Map<string, Served>();
  readonly aside = new Map<string, Served>();
  private readonly made = new Set<string>();

  open(
    runId: string,
    hosts: readonly string[],
    notify: OnNetworkNotice,
    agents: readonly string[] = [],
  ): Promise<EgressSession> {
    const served = { hosts, agents, notify };
    this.served.set(runId, served);
    this.made.add(runId);
    return Promise.resolve({
      endpoint: { kind: 'allowlist', hostFolder: `/egress/${runId}`, socketName: 'proxy.sock' },
      close: () => {
        if (this.served.get(runId) === served) this.served.delete(runId);
      },
    });
  }

  openAside(runId: string, hosts: readonly string[], notify: OnNetworkNotice): Promise<EgressSession> {
    const served = { hosts, agents: [], notify };
    this.aside.set(runId, served);
    this.made.add(runId);
    return Promise.resolve({
      endpoint: { kind: 'allowlist', hostFolder: `/egress/${runId}.99`, socketName: 'proxy.sock' },
      close: () => {
        if (this.aside.get(runId) === served) this.aside.delete(runId);
      },
    });
  }

  list(): Promise<string[]> {
    return Promise.resolve([...this.made]);
  }

  remove(runId: string): Promise<void> {
    this.made.delete(runId);
    return Promise.resolve();
  }
}
