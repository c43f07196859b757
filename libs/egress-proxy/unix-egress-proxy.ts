import type { EgressProxy, EgressSession, NetworkNotice } from '@crewtab/domain/ports/egress-proxy';
import type { Logger } from '@crewtab/domain/ports/logger';
import { translated } from '@crewtab/domain/system-errors';
import type { TrafficLimits } from './forward-proxy';
import { ProxyThread } from './proxy-thread';
import type { ResolveHost } from './resolve-host';
import { runProxyHere, type MakeRunProxy } from './run-proxy';
import { PROXY_SOCKET, RunSockets } from './run-socket';

export interface UnixEgressProxyOptions {
  /** Where the runs' folders are made; must be the same path for the container engine. */
  readonly rootDir: string;
  readonly limits: TrafficLimits;
  /** Ranges that agents may reach although they are not public, as CIDRs. */
  readonly allowedCidrs: readonly string[];
  /** `http(s)://` or `socks5://`: all connections go through it, and it resolves the names; null: there is none. */
  readonly upstreamProxy: string | null;
  readonly logger: Logger;
  /** Of tests, whose proxies are in this thread. Default: the machine's name servers, asked in the proxies' own thread. */
  readonly resolveHost?: ResolveHost;
}

/** Most hosts and limits of one session that a conversation tells of: an agent may ask for any number of names. */
const MOST_NOTICES = 500;

/** One forward proxy per run, at a unix socket in a folder that the run's containers see. */
export class UnixEgressProxy implements EgressProxy {
  readonly traffic = { allowed: 0, refused: 0, bytes: 0 };
  private readonly sockets: RunSockets;
  private readonly makeProxy: MakeRunProxy;
  private thread: ProxyThread | null = null;

  constructor(private readonly options: UnixEgressProxyOptions) {
    const { rootDir, logger, resolveHost } = options;
    const { traffic } = this;
    this.sockets = new RunSockets(rootDir, logger);
    // A worker whose agents reach nothing has no such thread.
    const make: MakeRunProxy = (...of) => (this.thread ??= new ProxyThread({ traffic, logger })).make(...of);
    this.makeProxy = resolveHost ? runProxyHere({ resolveHost, traffic, logger }) : make;
  }

  open(runId: string, hosts: readonly string[], onNotice: (notice: NetworkNotice) => void): Promise<EgressSession> {
    return translated('start_failed', () => this.openSession(runId, hosts, onNotice), 'the egress proxy: ');
  }

  list(): Promise<string[]> {
    return this.sockets.list();
  }

  remove(runId: string): Promise<void> {
    return this.sockets.remove(runId);
  }

  private async openSession(
    runId: string,
    hosts: readonly string[],
    onNotice: (notice: NetworkNotice) => void,
  ): Promise<EgressSession> {
    const { allowedCidrs, upstreamProxy, limits } = this.options;
    const proxy = this.makeProxy({ hosts, allowedCidrs, upstreamProxy, limits }, oncePerNotice(onNotice));
    try {
      const endRepair = await this.sockets.listen(runId, (path) => proxy.listen(path));
      return {
        endpoint: { kind: 'allowlist', hostFolder: this.sockets.folderOf(runId), socketName: PROXY_SOCKET },
        close: () => {
          endRepair();
          proxy.close();
        },
      };
    } catch (error) {
      proxy.close();
      throw error;
    }
  }
}

function oncePerNotice(onNotice: (notice: NetworkNotice) => void): (notice: NetworkNotice) => void {
  const told = new Set<string>();
  return (notice) => {
    const key = JSON.stringify(notice);
    if (told.has(key) || told.size > MOST_NOTICES) return;
    told.add(key);
    onNotice(told.size > MOST_NOTICES ? { kind: 'limit', limit: 'notices' } : notice);
  };
}
