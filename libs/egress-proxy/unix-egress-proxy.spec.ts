import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import {
  connect,
  createServer as createTcpServer,
  type AddressInfo,
  type Server as TcpServer,
  type Socket,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EgressSession, NetworkNotice } from '@crewtab/domain/ports/egress-proxy';
import { silentLogger } from '@test/fakes/silent-logger';
import { eventually } from '@test/kit/wait-for';
import { PROXY_SOCKET } from './run-socket';
import { UnixEgressProxy, type UnixEgressProxyOptions } from './unix-egress-proxy';

const RUN = '0190a4f2-7c7e-7b6a-9b1d-3f9a1c55e001';
const OTHER_RUN = '0190a4f2-7c7e-7b6a-9b1d-3f9a1c55e002';

const LIMITS = { connections: 20, bytes: 100_000_000, connectionsPerSecond: 1_000, bytesPerSecond: 1e9 };

interface Reply {
  readonly status: number;
  readonly text: string;
}

describe('the egress proxy of a run', () => {
  let rootDir = '';
  let target: Server;
  let echo: TcpServer;
  let port = 0;
  let echoPort = 0;
  const heard: { readonly path: string; readonly host: string }[] = [];
  const sessions: EgressSession[] = [];
  const proxies: UnixEgressProxy[] = [];
  const sockets: Socket[] = [];
  let counts = { allowed: 0, refused: 0, bytes: 0 };
  /** What the names of these tests lead to, the next answer first. */
  const names = new Map<string, string[][]>();

  beforeEach(async () => {
    rootDir = await mkdtemp(join(tmpdir(), 'egress-'));
    target = createServer((asked, answer) => {
      heard.push({ path: asked.url ?? '', host: asked.headers.host ?? '' });
      asked.resume().on('end', () => answer.end(asked.url?.startsWith('/large') ? 'x'.repeat(300_000) : 'hello'));
    });
    echo = createTcpServer((socket) => socket.on('error', () => undefined).pipe(socket));
    await Promise.all([
      once(target.listen(0, '127.0.0.1'), 'listening'),
      once(echo.listen(0, '127.0.0.1'), 'listening'),
    ]);
    port = (target.address() as AddressInfo).port;
    echoPort = (echo.address() as AddressInfo).port;
  });

  afterEach(async () => {
    for (const session of sessions.splice(0)) session.close();
    for (const socket of sockets.splice(0)) socket.destroy();
    target.closeAllConnections();
    target.close();
    echo.close();
    await Promise.all([once(target, 'close'), once(echo, 'close')]);
    for (const one of proxies.splice(0)) for (const runId of [RUN, OTHER_RUN]) await one.remove(runId);
    await rm(rootDir, { recursive: true });
    heard.length = 0;
    names.clear();
  });

  function proxy(options: Partial<UnixEgressProxyOptions> = {}): UnixEgressProxy {
    const made = new UnixEgressProxy({
      rootDir,
      limits: LIMITS,
      allowedCidrs: [],
      upstreamProxy: null,
      logger: silentLogger,
      resolveHost: async (name) => {
        const answers = names.get(name) ?? [];
        return (answers.length > 1 ? answers.shift() : answers[0]) ?? [];
      },
      ...options,
    });
    counts = made.traffic;
    proxies.push(made);
    return made;
  }

  /** A run whose agents may reach the loopback address, as an operator may allow it, under these names. */
  async function open(hosts: readonly string[], options: Partial<UnixEgressProxyOptions> = {}) {
    const notices: NetworkNotice[] = [];
    const session = await proxy({ allowedCidrs: ['127.0.0.1/32'], ...options }).open(RUN, hosts, (notice) =>
      notices.push(notice),
    );
    sessions.push(session);
    return { notices, session, path: join(session.endpoint.hostFolder, PROXY_SOCKET) };
  }

  async function get(socketPath: string, url: string, headers: Record<string, string> = {}): Promise<Reply> {
    const asked = request({ socketPath, path: url, headers: { host: new URL(url).host, ...headers }, agent: false });
    asked.end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    return { status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() };
  }

  /** Asks for a tunnel, word for word. */
  async function tunnel(socketPath: string, authority: string): Promise<{ head: string; socket: Socket }> {
    const socket = connect(socketPath);
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
    const [head] = (await once(socket, 'data')) as [Buffer];
    return { head: head.toString(), socket };
  }

  it('leads plain requests and tunnels to listed hosts, and tells of each host once', async () => {
    names.set('api.example', [['127.0.0.1']]);
    const { path, notices } = await open([`api.example:${port}`, `api.example:${echoPort}`]);
    expect(await get(path, `http://api.example:${port}/a`)).toEqual({ status: 200, text: 'hello' });
    expect(await get(path, `http://api.example:${port}/b`)).toEqual({ status: 200, text: 'hello' });
    expect(heard.map((each) => each.path)).toEqual(['/a', '/b']);
    const { head, socket } = await tunnel(path, `api.example:${echoPort}`);
    expect(head).toContain('HTTP/1.1 200');
    socket.write('through');
    expect(String((await once(socket, 'data'))[0])).toBe('through');
    expect(notices).toEqual([
      { kind: 'allowed', host: 'api.example', port },
      { kind: 'allowed', host: 'api.example', port: echoPort },
    ]);
    expect(counts).toMatchObject({ allowed: 3, refused: 0 });
  });

  it.each([
    ['a host that is not listed', 'other.example', 'not_listed'],
    ['a listed host at another port', 'api.example', 'not_listed'],
    ['an address instead of its name', '127.0.0.1', 'not_listed'],
  ] as const)('refuses %s', async (_case, host, reason) => {
    names.set('other.example', [['127.0.0.1']]);
    const { path, notices } = await open(['api.example:9']);
    const { status, text } = await get(path, `http://${host}:${port}/`);
    expect([status, text]).toEqual([403, expect.stringContaining('not among the hosts')]);
    expect((await tunnel(path, `${host}:${port}`)).head).toContain('HTTP/1.1 403');
    expect(notices).toEqual([{ kind: 'refused', host, port, reason }]);
    expect(heard).toEqual([]);
    expect(counts).toMatchObject({ allowed: 0, refused: 2 });
  });

  it.each([
    ['a name of a private address', ['10.0.0.5']],
    ['a name of the loopback address', ['127.0.0.1']],
    ['a name of the metadata service', ['169.254.169.254']],
    ['a name of addresses that are all not public', ['::1', '192.168.0.1', '::ffff:127.0.0.1']],
  ])('refuses %s, listed or not', async (_case, addresses) => {
    names.set('inside.example', [addresses]);
    const { path, notices } = await open(['*', `*:${port}`], { allowedCidrs: [] });
    expect((await get(path, `http://inside.example:${port}/`)).status).toBe(403);
    expect((await tunnel(path, `inside.example:${port}`)).head).toContain('HTTP/1.1 403');
    expect(notices).toEqual([{ kind: 'refused', host: 'inside.example', port, reason: 'not_public' }]);
    expect(heard).toEqual([]);
  });

  it.each([
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '[::1]',
    '[::ffff:7f00:1]',
    'localhost',
    '127.0.0.1.',
  ])('finds no way to the host as %s', async (host) => {
    const { path } = await open(['*', `*:${port}`], { allowedCidrs: [] });
    expect((await tunnel(path, `${host}:${port}`)).head).toContain('HTTP/1.1 403');
    expect((await get(path, `http://${host}:${port}/`)).status).toBe(403);
    expect(heard).toEqual([]);
  });

  it('judges a name anew at every connection, and connects to what it judged', async () => {
    // The first answer is checked and used; what the name leads to afterwards is nothing that a connection asks for.
    names.set('rebound.example', [['127.0.0.1'], ['127.0.0.2']]);
    const { path } = await open([`rebound.example:${port}`]);
    expect((await get(path, `http://rebound.example:${port}/`)).status).toBe(200);
    expect((await get(path, `http://rebound.example:${port}/`)).status).toBe(403);
    expect(heard).toHaveLength(1);
  });

  it('connects to the public ones among the addresses of a name only', async () => {
    names.set('mixed.example', [['127.0.0.2', '127.0.0.1', '::1']]);
    const { path } = await open([`mixed.example:${port}`]);
    expect((await get(path, `http://mixed.example:${port}/`)).status).toBe(200);
  });

  it('says that a name has no address', async () => {
    const { path, notices } = await open([`gone.example:${port}`]);
    expect(await get(path, `http://gone.example:${port}/`)).toEqual({
      status: 403,
      text: `gone.example:${port} has no address`,
    });
    expect(notices).toEqual([{ kind: 'refused', host: 'gone.example', port, reason: 'unresolved' }]);
  });

  it('sends the host that was asked for, whatever the header says', async () => {
    names.set('api.example', [['127.0.0.1']]);
    const { path } = await open([`api.example:${port}`]);
    await get(path, `http://api.example:${port}/`, { host: 'other.example' });
    expect(heard).toEqual([{ path: '/', host: `api.example:${port}` }]);
  });

  it.each([
    'api.example:9@other.example:9',
    'api.example',
    'api.example:9/path',
    'api.example:09',
    ':9',
    'api.example:port',
  ])('is not misled by the target %s', async (target) => {
    names.set('api.example', [['127.0.0.1']]);
    const { path } = await open(['api.example:9']);
    expect((await tunnel(path, target)).head).toMatch(/^HTTP\/1\.1 40[03]/);
  });

  it('has no more connections than it may, and tells so once', async () => {
    names.set('api.example', [['127.0.0.1']]);
    const { path, notices } = await open([`api.example:${echoPort}`], { limits: { ...LIMITS, connections: 2 } });
    const first = await tunnel(path, `api.example:${echoPort}`);
    await tunnel(path, `api.example:${echoPort}`);
    for (let extra = 0; extra < 2; extra++) {
      const refused = connect(path);
      refused.on('error', () => undefined).resume();
      await once(refused, 'close');
    }
    expect(notices.slice(1)).toEqual([{ kind: 'limit', limit: 'connections' }]);
    expect(counts).toMatchObject({ allowed: 2, refused: 2 });
    first.socket.destroy();
    await eventually(async () => {
      const reply = await tunnel(path, `api.example:${echoPort}`).catch(() => null);
      return reply?.head.includes('200') ?? false;
    });
  });

  it('tells whose connection it was, by the way that it came, and shares the limits of the run among all ways', async () => {
    names.set('api.example', [['127.0.0.1']]);
    const notices: [NetworkNotice, string | null][] = [];
    const made = proxy({ allowedCidrs: ['127.0.0.1/32'], limits: { ...LIMITS, connections: 2 } });
    const hosts = [`api.example:${echoPort}`];
    const session = await made.open(RUN, hosts, (...notice) => notices.push(notice), ['lead', 'mate']);
    sessions.push(session);
    const { hostFolder, agentFolders = {} } = session.endpoint;
    const wayOf = (folder = hostFolder): string => join(folder, PROXY_SOCKET);
    const ways = [wayOf(agentFolders['lead']), wayOf(agentFolders['mate']), wayOf()];
    expect(new Set(ways).size).toBe(3);
    for (const way of ways) expect((await get(way, 'http://other.example/')).status).toBe(403);
    const refused = { kind: 'refused', host: 'other.example', port: 80, reason: 'not_listed' };
    expect(notices.splice(0)).toEqual(['lead', 'mate', null].map((agent) => [refused, agent]));
    for (const way of ways) await get(way, 'http://other.example/');
    expect(notices).toEqual([]);

    for (const way of ways.slice(0, 2)) await tunnel(way, `api.example:${echoPort}`);
    const third = connect(ways[1] ?? '');
    third.on('error', () => undefined).resume();
    await once(third, 'close');
    expect(notices.at(-1)).toEqual([{ kind: 'limit', limit: 'connections' }, 'mate']);

    expect(await made.list()).toEqual([RUN]);
    await made.remove(RUN);
    expect(await made.list()).toEqual([]);
    expect((await readdir(rootDir)).filter((name) => name !== 'records')).toEqual([]);
  });

  it('lets connections beyond its pace wait for their turn, and none get lost', async () => {
    names.set('api.example', [['127.0.0.1']]);
    const limits = { ...LIMITS, connectionsPerSecond: 4 };
    const { path } = await open([`api.example:${port}`], { limits });
    const startedAt = performance.now();
    const replies = Array.from({ length: 9 }, () => get(path, `http://api.example:${port}/`));
    expect(await Promise.all(replies)).toEqual(Array(9).fill({ status: 200, text: 'hello' }));
    // Timers may be a millisecond early.
    expect(performance.now() - startedAt).toBeGreaterThan(1_500);
  });

  it.each(['down', 'up'])('moves no more %s than its pace on average, and all of it', async (way) => {
    names.set('api.example', [['127.0.0.1']]);
    const limits = { ...LIMITS, bytesPerSecond: 8_000_000 };
    const { path } = await open([`api.example:${echoPort}`], { limits });
    const { socket } = await tunnel(path, `api.example:${echoPort}`);
    const startedAt = performance.now();
    let got = 0;
    socket.on('data', (data: Buffer) => (got += data.length));
    // What an echo moves, it moves both ways.
    if (way === 'up') socket.write(Buffer.alloc(8_000_000));
    else for (let sent = 0; sent < 80; sent++) socket.write(Buffer.alloc(100_000));
    await eventually(() => got === 8_000_000);
    // All of it may pass before its bytes are looked at; what comes then waits until it is paid off.
    await eventually(() => counts.bytes >= 16_000_000);
    socket.write('x');
    await eventually(() => got === 8_000_001);
    // Timers may be early, and the time before the first byte is a credit, of one look at most.
    expect(performance.now() - startedAt).toBeGreaterThan(1_900);
  });

  it('breaks connections at the limit of bytes, and refuses new ones', async () => {
    names.set('api.example', [['127.0.0.1']]);
    const { path, notices } = await open([`api.example:${port}`, `api.example:${echoPort}`], {
      limits: { ...LIMITS, bytes: 250_000 },
    });
    const { socket } = await tunnel(path, `api.example:${echoPort}`);
    await get(path, `http://api.example:${port}/large`);
    await once(socket.resume(), 'close');
    const refused = await get(path, `http://api.example:${port}/`);
    expect([refused.status, refused.text]).toEqual([403, expect.stringContaining('used up')]);
    expect(notices.at(-1)).toEqual({ kind: 'limit', limit: 'bytes' });
    expect(counts).toMatchObject({ allowed: 2, refused: 1 });
    expect(counts.bytes).toBeGreaterThan(300_000);
  });

  it('tells of a bounded number of hosts', async () => {
    const { path, notices } = await open([]);
    for (let at = 0; at < 520; at++) await get(path, `http://h${at}.example/`);
    expect(notices).toHaveLength(501);
    expect(notices.at(-1)).toEqual({ kind: 'limit', limit: 'notices' });
    expect(counts.refused).toBe(520);
  });

  it('asks nobody for names behind an upstream proxy, which gets what was judged', async () => {
    const asked: string[] = [];
    const upstream = createServer((from, answer) => {
      asked.push(`${from.method} ${from.url}`);
      answer.end('from upstream');
    });
    upstream.on('connect', (from, socket: Socket) => {
      asked.push(`CONNECT ${from.url}`);
      sockets.push(socket);
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
    });
    await once(upstream.listen(0, '127.0.0.1'), 'listening');
    try {
      const { path } = await open(['*', '*:8443'], {
        allowedCidrs: [],
        upstreamProxy: `http://user:word@127.0.0.1:${(upstream.address() as AddressInfo).port}`,
        resolveHost: () => Promise.reject(new Error('asked for a name')),
      });
      expect(await get(path, 'http://API.example/x\\y')).toEqual({ status: 200, text: 'from upstream' });
      expect((await tunnel(path, 'api.example:8443')).head).toContain('200');
      expect((await get(path, 'http://10.0.0.1/')).status).toBe(403);
      expect(asked).toEqual(['GET http://api.example/x/y', 'CONNECT api.example:8443']);
    } finally {
      for (const socket of sockets) socket.destroy();
      upstream.close();
    }
  });

  it('is followed by the next server of the run, whose socket its own end leaves alone', async () => {
    names.set('api.example', [['127.0.0.1']]);
    const earlier = await open([`api.example:${port}`]);
    const { path, session } = await open([`api.example:${port}`]);
    expect(session.endpoint).toEqual(earlier.session.endpoint);
    earlier.session.close();
    expect((await get(path, `http://api.example:${port}/`)).status).toBe(200);
  });

  it('tells and counts on from where the session before it stood, also of a worker that was killed', async () => {
    names.set('api.example', [['127.0.0.1']]);
    const hosts = [`api.example:${port}`];
    const limits = { ...LIMITS, bytes: 500_000 };
    const first = await open(hosts, { limits });
    await get(first.path, `http://api.example:${port}/large`);
    await get(first.path, 'http://other.example/');
    expect(first.notices).toHaveLength(2);
    // A worker that is killed closes nothing: what it had noted by then counts.
    const noted = async (): Promise<number> => (await readNote(RUN))?.told.length ?? 0;
    await eventually(async () => (await noted()) === 2);
    const next = await open(hosts, { limits });
    await get(next.path, 'http://other.example/');
    await get(next.path, 'http://third.example/');
    await get(next.path, `http://api.example:${port}/large`);
    await eventually(async () => (await get(next.path, `http://api.example:${port}/`)).status === 403);
    expect(next.notices).toEqual([
      { kind: 'refused', host: 'third.example', port: 80, reason: 'not_listed' },
      { kind: 'limit', limit: 'bytes' },
    ]);
  });

  it.each(['', '{', '[]', '{"bytes":-1.5,"told":[]}', '{"bytes":1,"told":[1]}'])(
    'begins anew where the note of the run is spoiled: %j',
    async (text) => {
      await mkdir(join(rootDir, 'records'));
      await writeFile(join(rootDir, 'records', RUN), text);
      const { path, notices } = await open([]);
      await get(path, 'http://other.example/');
      expect(notices).toHaveLength(1);
    },
  );

  it('knows a run by its note alone, and removes it with what a crash left of a write', async () => {
    const one = proxy();
    await mkdir(join(rootDir, 'records'));
    for (const name of [RUN, `${RUN}.0a1b2c3d`, OTHER_RUN]) await writeFile(join(rootDir, 'records', name), '{}');
    expect((await one.list()).sort()).toEqual([RUN, OTHER_RUN]);
    await one.remove(RUN);
    expect(await readdir(join(rootDir, 'records'))).toEqual([OTHER_RUN]);
    expect(await one.list()).toEqual([OTHER_RUN]);
  });

  async function readNote(runId: string): Promise<{ readonly told: readonly string[] } | null> {
    const text = await readFile(join(rootDir, 'records', runId), 'utf8').catch(() => null);
    return text === null ? null : (JSON.parse(text) as { told: string[] });
  }

  it('puts its link back where a worker that was stopped has put its own', async () => {
    names.set('api.example', [['127.0.0.1']]);
    const { path } = await open([`api.example:${port}`]);
    const late = await open([]);
    late.session.close();
    await eventually(async () => (await get(path, `http://api.example:${port}/`).catch(() => null))?.status === 200);
  });

  it('breaks its connections when it is closed', async () => {
    names.set('api.example', [['127.0.0.1']]);
    const { path, session } = await open([`api.example:${echoPort}`]);
    const { socket } = await tunnel(path, `api.example:${echoPort}`);
    session.close();
    await once(socket, 'close');
  });

  it('knows the runs of this host by their folders, which agents may look into and others not', async () => {
    const one = proxy();
    expect(await one.list()).toEqual([]);
    for (const runId of [RUN, OTHER_RUN]) sessions.push(await one.open(runId, [], () => undefined));
    expect((await one.list()).sort()).toEqual([RUN, OTHER_RUN]);
    expect((await stat(rootDir)).mode & 0o077).toBe(0);
    const folder = sessions[0]?.endpoint.hostFolder ?? '';
    expect((await stat(folder)).mode & 0o777).toBe(0o755);
    expect((await readdir(folder)).sort()).toEqual([expect.stringMatching(/^[0-9a-f]{8}\.sock$/), PROXY_SOCKET]);
    await one.remove(RUN);
    await one.remove(RUN);
    expect(await one.list()).toEqual([OTHER_RUN]);
  });
});
