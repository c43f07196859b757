import type { OnNetworkNotice } from '@crewtab/domain/ports/egress-proxy';
import type { Logger } from '@crewtab/domain/ports/logger';
import { parseHostPattern, type HostPattern } from '@crewtab/domain/teams/network';
import { DestinationRules } from './destination-rules';
import { ForwardProxy, type TrafficLimits } from './forward-proxy';
import { parseCidr } from './public-address';
import type { ResolveHost } from './resolve-host';

/** What the proxy of one run is made of: plain data, which goes to another thread as it is. */
export interface RunProxyPlan {
  readonly hosts: readonly string[];
  readonly allowedCidrs: readonly string[];
  readonly upstreamProxy: string | null;
  readonly limits: TrafficLimits;
  /** Bytes of the run's earlier sessions. */
  readonly bytesBefore: number;
}

export interface RunProxy {
  /** Of the run so far, as counted last. */
  readonly bytes: number;
  /** At one more unix socket, which is an agent's own, or (null) that of all. One after the other. */
  listen(path: string, agent: string | null): Promise<void>;
  /** Breaks the connections. */
  close(): void;
}

/** Makes the proxy of a run, which listens nowhere yet. Each notice comes as often as what it is about. */
export type MakeRunProxy = (plan: RunProxyPlan, onNotice: OnNetworkNotice) => RunProxy;

export interface RunProxyDeps {
  readonly resolveHost: ResolveHost;
  /** Of all runs: counted on. */
  readonly traffic: { allowed: number; refused: number; bytes: number };
  readonly logger: Logger;
}

/** In this thread. */
export function runProxyHere({ resolveHost, traffic, logger }: RunProxyDeps): MakeRunProxy {
  return ({ hosts, allowedCidrs, upstreamProxy, limits, bytesBefore }, onNotice) => {
    const rules = new DestinationRules({
      patterns: hosts.map(patternOf),
      allowedCidrs: allowedCidrs.map(parseCidr),
      resolveHost: upstreamProxy === null ? resolveHost : null,
    });
    const proxy = new ForwardProxy({ rules, upstreamProxy, limits, logger, traffic, onNotice, bytesBefore });
    return {
      get bytes() {
        return proxy.bytes;
      },
      listen: (path, agent) => proxy.listen(path, agent),
      close: () => proxy.close(),
    };
  };
}

/** The team was checked when it was stored. */
function patternOf(text: string): HostPattern {
  const parsed = parseHostPattern(text);
  if (!parsed.ok) throw new RangeError(parsed.message);
  return parsed.pattern;
}
