/** A range of IPv4 addresses: all whose first `prefix` bits are those of `start`. */
export interface Subnet {
  readonly start: number;
  readonly prefix: number;
}

const SHARED_PREFIX = 20;
const TEAM_PREFIX = 28;

export function parseSubnet(text: string): Subnet {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  const [a = -1, b = -1, c = -1, d = -1, prefix = -1] = (match ?? []).slice(1).map(Number);
  if (!match || [a, b, c, d].some((part) => part > 255) || prefix > 32)
    throw new RangeError(`not an IPv4 subnet: "${text}"`);
  const size = 2 ** (32 - prefix);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  return { start: Math.floor(address / size) * size, prefix };
}

export function formatSubnet({ start, prefix }: Subnet): string {
  return `${[24, 16, 8, 0].map((shift) => Math.floor(start / 2 ** shift) % 256).join('.')}/${prefix}`;
}

export function overlaps(one: Subnet, other: Subnet): boolean {
  return one.start < other.start + sizeOf(other) && other.start < one.start + sizeOf(one);
}

/** Subnets of 4,094 addresses for the network that all teams of a host share: the base's first /20, then its others. */
export function sharedSubnets(base: Subnet, taken: readonly Subnet[]): Subnet[] {
  return cut(base, SHARED_PREFIX).filter((subnet) => !taken.some((other) => overlaps(subnet, other)));
}

/**
 * Subnets of 14 addresses for a team of its own, out of the base beyond its first /20, beginning at a place that
 * depends on the seed, so that workers who choose at the same time seldom choose the same.
 */
export function teamSubnets(base: Subnet, taken: readonly Subnet[], seed: string): Subnet[] {
  const shared = { start: base.start, prefix: SHARED_PREFIX };
  const all = cut(base, TEAM_PREFIX).filter((subnet) => !overlaps(subnet, shared));
  const first = all.length === 0 ? 0 : hash(seed) % all.length;
  return [...all.slice(first), ...all.slice(0, first)].filter(
    (subnet) => !taken.some((other) => overlaps(subnet, other)),
  );
}

function cut(base: Subnet, prefix: number): Subnet[] {
  const size = 2 ** (32 - prefix);
  const count = Math.floor(sizeOf(base) / size);
  return Array.from({ length: count }, (_, index) => ({ start: base.start + index * size, prefix }));
}

function sizeOf(subnet: Subnet): number {
  return 2 ** (32 - subnet.prefix);
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const char of text) value = Math.imul(value ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return value;
}
