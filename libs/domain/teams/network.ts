/**
 * What a team's agents reach. `none`: nothing. `allowlist`: the listed hosts, through Crewtab's egress proxy, and nothing
 * else. `open`: whatever the host's network reaches; blocks nothing.
 */
export const NETWORK_MODES = ['none', 'allowlist', 'open'] as const;
export type NetworkMode = (typeof NETWORK_MODES)[number];

export interface TeamNetwork {
  readonly mode: NetworkMode;
  /** Patterns of `allowlist` that `parseHostPattern` takes; empty in the other modes. */
  readonly hosts: readonly string[];
  /** Of `open`, where the team was given the network `team` of version 0.1: the run has a bridge of its own, not the host's. */
  readonly hasOwnBridge?: true;
}

/** What a pattern without a port means. Others must be named, so that `*` is no leave to send mail or to reach databases. */
export const DEFAULT_PORTS: readonly number[] = [80, 443];

export interface HostPattern {
  /** `*.` stands before the name for its subdomains of any depth, and not for the name itself; `*` alone for every public host. */
  readonly kind: 'host' | 'subdomains' | 'any';
  /** In lower case; an IPv6 address without its brackets. Empty of `any`. */
  readonly host: string;
  /** Null: DEFAULT_PORTS. */
  readonly port: number | null;
}

export type ParsedHostPattern =
  { readonly ok: true; readonly pattern: HostPattern } | { readonly ok: false; readonly message: string };

const LONGEST_NAME = 253;
const PATTERN = /^(\*\.|)([^*:/@?#[\]\s]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/;
const ANY = /^\*(?::(\d{1,5}))?$/;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;

/** Reads `api.example.com`, `*.github.com`, `registry.example.org:443`, `203.0.113.7`, `[2001:db8::1]:443` or `*`. */
export function parseHostPattern(text: string): ParsedHostPattern {
  const lower = text.toLowerCase();
  const [any, anyPort] = ANY.exec(lower) ?? [];
  const [whole, wildcard = '', given = '', hostPort] = PATTERN.exec(lower) ?? [];
  if (any === undefined && whole === undefined) return refuse(text, describeFault(lower));
  const portText = any === undefined ? hostPort : anyPort;
  const port = portText === undefined ? null : Number(portText);
  if (port !== null && (port < 1 || port > 65_535)) return refuse(text, 'has no port from 1 to 65535');
  if (any !== undefined) return { ok: true, pattern: { kind: 'any', host: '', port } };
  const kind = wildcard === '' ? 'host' : 'subdomains';
  const isAddress = given.startsWith('[') || IPV4.test(given);
  if (isAddress && kind === 'subdomains') return refuse(text, 'has an address behind "*."');
  if (isAddress && !URL.canParse(`http://${given}`)) return refuse(text, 'is not an address');
  const host = plainHost(isAddress ? new URL(`http://${given}`).hostname : given);
  if (!isAddress && !isName(host)) return refuse(text, 'is not a host name (write international names as xn--…)');
  return { ok: true, pattern: { kind, host, port } };
}

/**
 * Whether one of the patterns names this host and port. Says nothing of the address behind a name.
 * @param host as a client asked for it; case, brackets and a trailing dot make no difference
 */
export function isHostListed(patterns: readonly HostPattern[], host: string, port: number): boolean {
  const name = plainHost(host.toLowerCase());
  return patterns.some((pattern) => isPort(pattern, port) && isHost(pattern, name));
}

function isPort(pattern: HostPattern, port: number): boolean {
  return pattern.port === null ? DEFAULT_PORTS.includes(port) : pattern.port === port;
}

function isHost({ kind, host }: HostPattern, name: string): boolean {
  switch (kind) {
    case 'any':
      return name !== '';
    case 'host':
      return name === host;
    case 'subdomains':
      return name.length > host.length + 1 && name.endsWith(`.${host}`);
  }
}

/** Without the brackets of an IPv6 address or the dot at the end of an absolute name. */
function plainHost(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

/** An all-numeric last label belongs to addresses only, in whatever way they are written. */
function isName(host: string): boolean {
  const labels = host.split('.');
  const last = labels.at(-1) ?? '';
  return host.length <= LONGEST_NAME && labels.every((label) => LABEL.test(label)) && !/^(\d+|0x[0-9a-f]*)$/.test(last);
}

function describeFault(text: string): string {
  if (text.includes('/') || text.includes('@')) return 'must be a host without scheme, user or path';
  if (/\*/.test(text)) return 'may have "*" only as its first label (*.example.com), or alone';
  return 'is not a host';
}

function refuse(text: string, reason: string): ParsedHostPattern {
  const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return { ok: false, message: `"${shown}" ${reason}` };
}
