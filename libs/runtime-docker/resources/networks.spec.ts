import { formatSubnet, overlaps, parseSubnet, sharedSubnets, teamSubnets } from './networks';

const base = parseSubnet('10.213.0.0/16');

describe('subnets', () => {
  it('reads and writes them, dropping the bits of hosts', () => {
    expect(formatSubnet(parseSubnet('10.213.7.9/16'))).toBe('10.213.0.0/16');
    expect(formatSubnet(parseSubnet('255.255.255.255/32'))).toBe('255.255.255.255/32');
    for (const bad of ['', '10.0.0/8', '10.0.0.256/8', '10.0.0.0/33', '10.0.0.0', 'fd00::/8'])
      expect(() => parseSubnet(bad)).toThrow(RangeError);
  });

  it('sees overlaps in both directions', () => {
    expect(overlaps(base, parseSubnet('10.213.4.0/24'))).toBe(true);
    expect(overlaps(parseSubnet('10.213.4.0/24'), base)).toBe(true);
    expect(overlaps(base, parseSubnet('10.214.0.0/16'))).toBe(false);
  });

  it('gives the shared network the first /20 that no network has', () => {
    expect(sharedSubnets(base, []).slice(0, 2).map(formatSubnet)).toEqual(['10.213.0.0/20', '10.213.16.0/20']);
    expect(sharedSubnets(base, [parseSubnet('10.213.3.0/24')]).map(formatSubnet)[0]).toBe('10.213.16.0/20');
  });

  it('gives teams free /28s outside of the shared one, from a place that depends on the run', () => {
    const all = teamSubnets(base, [], 'run-1');
    expect(all).toHaveLength((65_536 - 4_096) / 16);
    expect(new Set(all.map(formatSubnet)).size).toBe(all.length);
    expect(all.some((subnet) => overlaps(subnet, parseSubnet('10.213.0.0/20')))).toBe(false);
    expect(teamSubnets(base, [], 'run-2')[0]).not.toEqual(all[0]);
    expect(teamSubnets(base, all.slice(0, 3), 'run-1')[0]).toEqual(all[3]);
    expect(teamSubnets(base, [base], 'run-1')).toEqual([]);
  });
});
