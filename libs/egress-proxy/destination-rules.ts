import { isIP } from 'node:net';
import type { HostRefusal } from '@crewtab/domain/ports/egress-proxy';
import { isHostListed, type HostPattern } from '@crewtab/domain/teams/network';
import { mayReach, type Cidr } from './public-address';
import type { ResolveHost } from './resolve-host';

export type Verdict =
  /** `addresses`: what may be connected to, and nothing else; null where an upstream proxy resolves the name. */
  | { readonly isAllowed: true; readonly addresses: readonly string[] | null }
  | { readonly isAllowed: false; readonly reason: HostRefusal };

export interface DestinationRulesOptions {
  readonly patterns: readonly HostPattern[];
  readonly allowedCidrs: readonly Cidr[];
  /** Null: an upstream proxy resolves, and names cannot be judged by their addresses. */
  readonly resolveHost: ResolveHost | null;
}

/** Decides where a run's agents may connect to. Remembers nothing: a name is resolved and judged at every connection. */
export class DestinationRules {
  constructor(private readonly options: DestinationRulesOptions) {}

  /** @param host as a URL has it: an IPv6 address in brackets */
  async judge(host: string, port: number): Promise<Verdict> {
    const { patterns, allowedCidrs, resolveHost } = this.options;
    if (!isHostListed(patterns, host, port)) return { isAllowed: false, reason: 'not_listed' };
    const plain = host.replace(/^\[(.*)\]$/, '$1');
    if (isIP(plain) === 0 && resolveHost === null) return { isAllowed: true, addresses: null };
    const found = isIP(plain) > 0 ? [plain] : await resolveHost?.(plain);
    if (!found || found.length === 0) return { isAllowed: false, reason: 'unresolved' };
    const addresses = found.filter((address) => mayReach(address, allowedCidrs));
    return addresses.length > 0 ? { isAllowed: true, addresses } : { isAllowed: false, reason: 'not_public' };
  }
}
