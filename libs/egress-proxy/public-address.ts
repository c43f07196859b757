import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';

/** A range of addresses, as ipaddr.js reads it. */
export type Cidr = readonly [ipaddr.IPv4 | ipaddr.IPv6, number];

/** Addresses that clouds serve their machines with although they look public: Azure's WireServer. */
const PLATFORM_ADDRESSES: ReadonlySet<string> = new Set(['168.63.129.16']);
/** All that is given out as global unicast (RFC 4291, IANA's registry). */
const GLOBAL_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3');

/** @throws for what is no CIDR */
export function parseCidr(text: string): Cidr {
  return ipaddr.parseCIDR(text);
}

/**
 * Whether agents may reach an address: one of the operator's ranges, or any that is public and not this machine's own.
 * Everything is refused that is not plainly public unicast: private, loopback, link-local (with the metadata services),
 * shared (CGNAT), multicast, reserved, and what carries another address inside (IPv4-mapped, NAT64, 6to4, Teredo).
 */
export function mayReach(address: string, allowed: readonly Cidr[], own = ownAddresses()): boolean {
  if (!ipaddr.isValid(address)) return false;
  // An IPv4 address in IPv6's clothes is connected to as IPv4, and judged as that.
  const parsed = ipaddr.process(address);
  // The types do not see that both are of one kind by then.
  if (allowed.some(([range, bits]) => range.kind() === parsed.kind() && parsed.match([range, bits] as never)))
    return true;
  if (parsed.range() !== 'unicast' || PLATFORM_ADDRESSES.has(parsed.toString())) return false;
  if (parsed instanceof ipaddr.IPv6 && !parsed.match(GLOBAL_IPV6)) return false;
  return !own.has(parsed.toString());
}

/** Of all interfaces of this machine: what listens on them may be meant for the machine alone. */
function ownAddresses(): ReadonlySet<string> {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return new Set(all.map(({ address }) => ipaddr.process(address).toString()));
}
