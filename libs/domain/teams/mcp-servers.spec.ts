import { editMcpServers, findUnreachableServers, showMcpServer, type McpServerFault } from './mcp-servers';
import type { TeamNetwork } from './network';

const FILES = { name: 'files', command: 'mcp-files', args: ['--all'], env: { TOKEN: 'x', REGION: 'y' } };
const TRACKER = { name: 'tracker', url: 'https://mcp.example.com/mcp', headers: { Authorization: 'Bearer x' } };

describe('showMcpServer', () => {
  it('shows which values are set, and none of them', () => {
    expect(showMcpServer(FILES)).toEqual({ ...FILES, env: { TOKEN: { isSet: true }, REGION: { isSet: true } } });
    expect(showMcpServer(TRACKER)).toEqual({ ...TRACKER, headers: { Authorization: { isSet: true } } });
    expect(showMcpServer({ name: 'bare', command: 'x' })).toEqual({ name: 'bare', command: 'x' });
  });
});

describe('editMcpServers', () => {
  const edit = (...edits: Parameters<typeof editMcpServers>[1] & object): [unknown, McpServerFault[]] => {
    const faults: McpServerFault[] = [];
    return [editMcpServers([FILES, TRACKER], edits, (fault) => faults.push(fault)), faults];
  };

  it('keeps the values of a server that is sent back as it was shown, whatever its place', () => {
    expect(edit(showMcpServer(TRACKER), showMcpServer(FILES))).toEqual([[TRACKER, FILES], []]);
  });

  it('sets, deletes and keeps single values, and keeps all where none are named', () => {
    const env = { TOKEN: 'new', REGION: null, FRESH: 'z' };
    expect(edit({ ...FILES, env }, { name: 'tracker', url: 'https://other.example.com' })).toEqual([
      [
        { ...FILES, env: { TOKEN: 'new', FRESH: 'z' } },
        { ...TRACKER, url: 'https://other.example.com' },
      ],
      [],
    ]);
  });

  it('gives no secret of a program to a server that is one over HTTP now', () => {
    expect(edit({ name: 'files', url: 'https://evil.example.com' })).toEqual([
      [{ name: 'files', url: 'https://evil.example.com' }],
      [],
    ]);
  });

  it('refuses to keep what is not set, and more values than there may be', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`N${index}`, 'x']));
    const [, faults] = edit({ ...FILES, env: { OTHER: { isSet: true } } }, { ...TRACKER, headers: many });
    expect(faults.map(({ path }) => path)).toEqual([
      [0, 'env', 'OTHER'],
      [1, 'headers'],
    ]);
  });

  it('leaves an agent without servers where none are sent', () => {
    expect(editMcpServers([FILES], undefined, () => undefined)).toBeUndefined();
  });
});

describe('findUnreachableServers', () => {
  const allowing = (...hosts: string[]): TeamNetwork => ({ mode: 'allowlist', hosts });
  const at = (url: string): { name: string; url: string } => ({ name: 'x', url });

  it.each([
    ['a listed host', allowing('mcp.example.com'), 'https://mcp.example.com/mcp'],
    ['a listed port', allowing('mcp.example.com:8443'), 'https://MCP.example.com:8443/mcp'],
    ['every public host', allowing('*'), 'http://mcp.example.com'],
    ['an open network', { mode: 'open', hosts: [] } as const, 'https://mcp.example.com'],
    ['what listens in the container', { mode: 'none', hosts: [] } as const, 'http://127.0.0.1:9000/mcp'],
    ['what listens in the container', allowing(), 'http://localhost:9000/mcp'],
  ])('finds nothing against %s', (_what, network, url) => {
    expect(findUnreachableServers(network, [at(url)])).toEqual([]);
  });

  it.each([
    [
      'another host',
      allowing('example.com'),
      'https://mcp.example.com/mcp',
      /add "mcp\.example\.com" to network\.hosts/,
    ],
    ['another port', allowing('mcp.example.com'), 'https://mcp.example.com:8443', /add "mcp\.example\.com:8443"/],
    ['no network', { mode: 'none', hosts: [] } as const, 'https://mcp.example.com', /the team's network is none/],
  ])('names the server of %s', (_what, network, url, says) => {
    const faults = findUnreachableServers(network, [FILES, at(url)]);
    expect(faults).toEqual([{ path: [1, 'url'], message: expect.stringMatching(says) as string }]);
  });
});
