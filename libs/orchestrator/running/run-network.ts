import type { EgressSession, HostRefusal, NetworkNotice } from '@crewtab/domain/ports/egress-proxy';
import type { NetworkEndpoint } from '@crewtab/domain/ports/runtime';
import type { DraftMessage } from '@crewtab/domain/runs/message';
import { isNetworkKept } from '@crewtab/domain/runtimes';
import type { Run } from '@crewtab/domain/runs/run';
import type { OrchestratorDeps } from './orchestrator-deps';

/** How one held run's agents reach the network, and what the conversation tells of it. */
export class RunNetwork {
  private endpoint: NetworkEndpoint | null = null;
  private session: EgressSession | null = null;
  private isClosed = false;

  /** @param tell stores a message; called for each notice of the egress proxy */
  constructor(
    private readonly deps: Pick<OrchestratorDeps, 'egressProxy' | 'runtime' | 'clock'>,
    private readonly tell: (message: DraftMessage) => void,
  ) {}

  /** Serves the run's way out until `close`; does nothing more where that is so already. */
  async open({ id, plan }: Run): Promise<NetworkEndpoint> {
    this.endpoint ??= await this.openFor(id, plan);
    return this.endpoint;
  }

  /** Null before it is open. */
  get current(): NetworkEndpoint | null {
    return this.endpoint;
  }

  /** Breaks the agents' connections; the next session of the run serves new ones. */
  close(): void {
    this.isClosed = true;
    this.session?.close();
  }

  private async openFor(runId: string, { network, agents }: Run['plan']): Promise<NetworkEndpoint> {
    const { egressProxy, runtime, clock } = this.deps;
    if (network.mode === 'open') return { kind: 'open', hasOwnBridge: network.hasOwnBridge ?? false };
    if (!isNetworkKept(runtime.kind, network.mode)) {
      // A team of version 0.1, or of another runtime: new ones are refused. A worker that adopts the run says it again.
      const text = `The ${runtime.kind} runtime cannot keep to the network of the team (${network.mode}): it is open, and blocks nothing.`;
      this.tell({ agent: null, kind: 'network', content: { text, kind: 'not_kept' }, at: clock.now() });
      return { kind: 'open', hasOwnBridge: false };
    }
    if (network.mode === 'none' || egressProxy === null) return { kind: 'none' };
    const names = agents.map(({ name }) => name);
    // One alone is known without a way of its own.
    const alone = names.length === 1 ? (names[0] ?? null) : null;
    const tell = (notice: NetworkNotice, agent: string | null): void =>
      this.tell(networkMessage(notice, agent ?? alone, clock.now()));
    this.session = await egressProxy.open(runId, network.hosts, tell, names.length > 1 ? names : []);
    // Opened by a driver that was stopped meanwhile.
    if (this.isClosed) this.session.close();
    return this.session.endpoint;
  }
}

const REFUSED: Readonly<Record<HostRefusal, string>> = {
  not_listed: "it is not among the hosts of the team's network",
  not_public: 'its address is not a public one',
  unresolved: 'its name has no address',
};

const LIMITS: Readonly<Record<Extract<NetworkNotice, { kind: 'limit' }>['limit'], string>> = {
  connections: 'The agents have as many connections as they may: further ones are refused.',
  bytes: 'The agents have transferred as much as they may: their connections are broken, new ones refused.',
  notices: 'The agents have asked for very many hosts: further ones are not told here.',
};

function networkMessage(notice: NetworkNotice, agent: string | null, at: Date): DraftMessage {
  return { agent, kind: 'network', content: { text: textOf(notice), ...notice }, at };
}

function textOf(notice: NetworkNotice): string {
  switch (notice.kind) {
    case 'allowed':
      return `The agents connect to ${notice.host}:${notice.port}.`;
    case 'refused':
      return `Refused a connection to ${notice.host}:${notice.port}: ${REFUSED[notice.reason]}.`;
    case 'limit':
      return LIMITS[notice.limit];
  }
}
