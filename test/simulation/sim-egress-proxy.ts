import type { EgressProxy, EgressSession, NetworkNotice, OnNetworkNotice } from '@crewtab/domain/ports/egress-proxy';
import type { SimProcess } from './sim-process';
import { byItself, SimRunSockets } from './sim-run-sockets';
import { SIMULATED_LIMITS } from './simulated-limits';

type Judge = (host: string) => void;

/** The way out of one host's agents, as its workers serve it. Decides by name, and leads nowhere. */
export class SimEgressProxy {
  private readonly sockets = new SimRunSockets<Judge>();

  get folders(): ReadonlySet<string> {
    return this.sockets.folders;
  }

  /** The egress proxy as one worker has it. */
  for(process: SimProcess): EgressProxy {
    const { sockets } = this;
    const traffic = { allowed: 0, refused: 0, bytes: 0 };
    sockets.watch(process);
    const open = (runId: string, hosts: readonly string[], onNotice: OnNetworkNotice): EgressSession => {
      const tell = oncePerHost(onNotice);
      const close = sockets.open(runId, process, (host) => {
        const isListed = hosts.includes(host);
        traffic[isListed ? 'allowed' : 'refused'] += 1;
        const to = { host, port: 443 };
        tell(isListed ? { kind: 'allowed', ...to } : { kind: 'refused', ...to, reason: 'not_listed' });
      });
      return { endpoint: { kind: 'allowlist', hostFolder: `/egress/${runId}`, socketName: 'proxy.sock' }, close };
    };
    return {
      traffic,
      // Of its agents it knows none apart.
      open: (runId, hosts, onNotice) =>
        process.call('egressProxy', 'open', () => byItself(process, () => open(runId, hosts, onNotice))),
      openAside: () => Promise.reject(new Error('no simulated team has a repository')),
      list: () => process.call('egressProxy', 'list', () => byItself(process, () => [...sockets.folders])),
      remove: (runId) =>
        process.call('egressProxy', 'remove', () => byItself(process, () => void sockets.folders.delete(runId))),
    };
  }

  /** An agent of the run tries to connect. False where no proxy listens. */
  connect(runId: string, host: string): boolean {
    const server = this.sockets.reached(runId);
    server?.process.enter(() => server.serve(host));
    return server !== undefined;
  }
}

/** As the product does: each host once, and at some number the last word. */
function oncePerHost(onNotice: OnNetworkNotice): (notice: NetworkNotice) => void {
  const told = new Set<string>();
  const { networkNotices } = SIMULATED_LIMITS;
  return (notice) => {
    const key = JSON.stringify(notice);
    if (told.has(key) || told.size > networkNotices) return;
    told.add(key);
    onNotice(told.size > networkNotices ? { kind: 'limit', limit: 'notices' } : notice, null);
  };
}
