import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { NetworkNotice } from '@crewtab/domain/ports/egress-proxy';
import { silentLogger } from '@test/fakes/silent-logger';
import { eventually } from '@test/kit/wait-for';
import { ProxyThread } from './proxy-thread';
import type { RunProxy } from './run-proxy';

/** The thread has no build to run here. */
const TYPESCRIPT = ['--require', resolve(__dirname, '../../test/support/typescript-hook.cjs')];
const PROGRAM = { file: join(__dirname, 'proxy-thread-main.ts'), options: { execArgv: TYPESCRIPT } };

describe('the thread of the egress proxies', () => {
  const traffic = { allowed: 0, refused: 0, bytes: 0 };
  const notices: [NetworkNotice, string | null][] = [];
  let thread: ProxyThread;
  let folder = '';
  let target: Server;
  let at = '';
  let proxy: RunProxy;

  beforeAll(async () => {
    thread = new ProxyThread({ traffic, logger: silentLogger }, PROGRAM);
    folder = await mkdtemp(join(tmpdir(), 'thread-'));
    target = createServer((_asked, answer) => answer.end('hello'));
    await once(target.listen(0, '127.0.0.1'), 'listening');
    at = `127.0.0.1:${(target.address() as AddressInfo).port}`;
    const limits = { connections: 20, bytes: 1_000_000, connectionsPerSecond: 1_000, bytesPerSecond: 1e9 };
    const plan = { hosts: [at], allowedCidrs: ['127.0.0.1/32'], upstreamProxy: null, limits, bytesBefore: 7 };
    proxy = thread.make(plan, (notice, agent) => notices.push([notice, agent]));
    await proxy.listen(join(folder, 'run.sock'), null);
    await proxy.listen(join(folder, 'mate.sock'), 'mate');
  }, 60_000);

  afterAll(async () => {
    await thread.close();
    target.close();
    await rm(folder, { recursive: true });
  });

  async function statusOf(url: string, socket = 'run.sock'): Promise<number | undefined> {
    const asked = request({ socketPath: join(folder, socket), path: url, headers: { host: new URL(url).host } });
    asked.end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    answer.resume();
    return answer.statusCode;
  }

  it('serves a run by its list, and tells what passes and what does not', async () => {
    expect(await statusOf(`http://${at}/`)).toBe(200);
    expect(await statusOf('http://unlisted.example/', 'mate.sock')).toBe(403);
    const [host = '', port] = at.split(':');
    const expected = [
      [{ kind: 'allowed', host, port: Number(port) }, null],
      [{ kind: 'refused', host: 'unlisted.example', port: 80, reason: 'not_listed' }, 'mate'],
    ];
    await eventually(() => expect(notices).toEqual(expected));
    await eventually(() => expect(traffic).toEqual({ allowed: 1, refused: 1, bytes: expect.any(Number) as number }));
    await eventually(() => expect(traffic.bytes).toBeGreaterThan(100));
    await eventually(() => expect(proxy.bytes).toBe(traffic.bytes + 7));
  });

  it('says why it cannot listen, in the words of the system', async () => {
    const plan = {
      hosts: [],
      allowedCidrs: [],
      upstreamProxy: null,
      limits: { connections: 1, bytes: 1, connectionsPerSecond: 1, bytesPerSecond: 1 },
      bytesBefore: 0,
    };
    const nowhere = thread.make(plan, () => undefined).listen(join(folder, 'no/such/folder.sock'), null);
    await expect(nowhere).rejects.toMatchObject({ code: expect.stringMatching(/^E/) as string });
  });

  it('breaks the connections of a run that is closed', async () => {
    const socket = connect(join(folder, 'run.sock'));
    socket.write(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
    await once(socket, 'data');
    proxy.close();
    await once(socket.resume(), 'close');
  });

  it('keeps no process alive', async () => {
    const plan = {
      hosts: [],
      allowedCidrs: [],
      upstreamProxy: null,
      limits: { connections: 1, bytes: 1, connectionsPerSecond: 1, bytesPerSecond: 1 },
    };
    const script = `
      const { ProxyThread } = require(${JSON.stringify(join(__dirname, 'proxy-thread.ts'))});
      const thread = new ProxyThread({ traffic: {}, logger: null }, ${JSON.stringify(PROGRAM)});
      const proxy = thread.make(${JSON.stringify(plan)}, () => undefined);
      const wait = setInterval(() => undefined, 1_000);
      proxy.listen(${JSON.stringify(join(folder, 'other.sock'))}, null).then(() => { clearInterval(wait); console.log('listens'); });`;
    const { stdout } = await promisify(execFile)(process.execPath, [...TYPESCRIPT, '-e', script], { timeout: 30_000 });
    expect(stdout).toBe('listens\n');
  }, 40_000);
});
