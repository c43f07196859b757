import type { EgressProxy, EgressSession, NetworkNotice } from '@crewtab/domain/ports/egress-proxy';
import type { Logger } from '@crewtab/domain/ports/logger';
import { translated } from '@crewtab/domain/system-errors';
import { parseHostPattern, type HostPattern } from '@crewtab/domain/teams/network';
import { DestinationRules } from './destination-rules';
import { ForwardProxy, type TrafficLimits } from './forward-proxy';
import { parseCidr } from './public-address';
import { dnsResolver, type ResolveHost } from './resolve-host';
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
  /** Default: the machine's name servers. */
  readonly resolveHost?: ResolveHost;
}

/** Most hosts and limits of one session that a conversation tells of: an agent may ask for any number of names. */
const MOST_NOTICES = 500;

/** One forward proxy per run, at a unix socket in a folder that the run's containers see. */
export class UnixEgressProxy implements EgressProxy {
  readonly traffic = { allowed: 0, refused: 0, bytes: 0 };
  private readonly sockets: RunSockets;
  private readonly resolveHost: ResolveHost;

  constructor(private readonly options: UnixEgressProxyOptions) {
    this.sockets = new RunSockets(options.rootDir, options.logger);
    this.resolveHost = options.resolveHost ?? dnsResolver();
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
    const { allowedCidrs, upstreamProxy, limits, logger } = this.options;
    const rules = new DestinationRules({
      patterns: hosts.map(patternOf),
      allowedCidrs: allowedCidrs.map(parseCidr),
      resolveHost: upstreamProxy === null ? this.resolveHost : null,
    });
    const tell = oncePerNotice(onNotice);
    const proxy = new ForwardProxy({ rules, upstreamProxy, limits, logger, traffic: this.traffic, onNotice: tell });
    try {
      const endRepair = await this.sockets.listen(runId, proxy.server);
      // Such as no file descriptor for one more connection: the agent tries again, and the worker goes on.
      proxy.server.on('error', (error) => logger.warn({ runId, error: error.message }, 'egress proxy'));
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

/** The team was checked when it was stored. */
function patternOf(text: string): HostPattern {
  const parsed = parseHostPattern(text);
  if (!parsed.ok) throw new RangeError(parsed.message);
  return parsed.pattern;
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
