import { networkInterfaces } from 'node:os';
import { mayReach, parseCidr } from './public-address';

const NONE_OWN = new Set<string>();

describe('mayReach', () => {
  it.each(['8.8.8.8', '93.184.216.34', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450:4001::200e'])(
    'leads to the public address %s',
    (address) => {
      expect(mayReach(address, [], NONE_OWN)).toBe(true);
    },
  );

  it.each([
    ['0.0.0.0', 'this host'],
    ['0.1.2.3', 'this network'],
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['169.254.169.254', 'metadata'],
    ['169.254.170.2', 'metadata of containers'],
    ['100.100.100.200', 'metadata behind CGNAT'],
    ['100.64.0.1', 'CGNAT'],
    ['192.0.0.192', 'metadata in IETF assignments'],
    ['168.63.129.16', 'platform of a cloud'],
    ['192.0.2.1', 'documentation'],
    ['198.18.0.1', 'benchmarks'],
    ['198.51.100.1', 'documentation'],
    ['203.0.113.1', 'documentation'],
    ['224.0.0.1', 'multicast'],
    ['239.255.255.250', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'broadcast'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::7f00:1', 'IPv4-compatible'],
    ['::ffff:127.0.0.1', 'IPv4-mapped loopback'],
    ['::ffff:a00:1', 'IPv4-mapped private'],
    ['::ffff:0:7f00:1', 'IPv4-translated'],
    ['64:ff9b::7f00:1', 'NAT64'],
    ['64:ff9b:1::1', 'local NAT64'],
    ['2002:7f00:1::', '6to4'],
    ['2001::1', 'Teredo'],
    ['100::1', 'discard'],
    ['fc00::1', 'unique local'],
    ['fd00:ec2::254', 'metadata over IPv6'],
    ['fe80::1', 'link-local'],
    ['fec0::1', 'site-local'],
    ['ff02::1', 'multicast'],
    ['2001:db8::1', 'documentation'],
    ['4000::1', 'not yet given out'],
    ['fe80::1%eth0', 'with a zone'],
    ['localhost', 'no address'],
    ['', 'nothing'],
  ])('refuses %s (%s)', (address) => {
    expect(mayReach(address, [], NONE_OWN)).toBe(false);
  });

  it('judges an IPv4-mapped address as what it leads to', () => {
    expect(mayReach('::ffff:8.8.8.8', [], NONE_OWN)).toBe(true);
  });

  it('refuses every address of this machine, public or not', () => {
    expect(mayReach('93.184.216.34', [], new Set(['93.184.216.34']))).toBe(false);
    const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    for (const { address } of own) expect([address, mayReach(address, [])]).toEqual([address, false]);
  });

  it("leads to the operator's ranges, and to no other", () => {
    const allowed = [parseCidr('10.1.0.0/16'), parseCidr('fd12::/16')];
    const ask = (address: string): boolean => mayReach(address, allowed, NONE_OWN);
    expect(['10.1.2.3', '::ffff:10.1.2.3', 'fd12::5'].map(ask)).toEqual([true, true, true]);
    expect(['10.2.0.1', '127.0.0.1', 'fd13::5', '::1'].map(ask)).toEqual([false, false, false, false]);
  });
});
