import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TunnelEnd } from '@crewtab/runtime-kubernetes/output/tunnel-end';
import { FrameReader, frameOf, WINDOW_BYTES } from '@crewtab/runtime-kubernetes/output/tunnel-frames';
import { describeWithGuard, GUARD_FOLDER } from '../../kit/services/guard-folder';
import { eventually } from '../../kit/wait-for';

const ARCHITECTURE = { x64: 'amd64' }[process.arch as string] ?? process.arch;
const KEEPER = `${GUARD_FOLDER}/keeper-${ARCHITECTURE}`;
const MOST = { tools: 2, net: 8 };
const MEGABYTE = 1_000_000;

/** The keeper's program at one end, and a worker's at the other, with two sockets between them. */
class Tunnel {
  readonly sockets: { inPod: string; onHost: string; mostConnections: number }[];
  end: TunnelEnd | null = null;
  keeper: ChildProcessWithoutNullStreams | null = null;

  constructor(private readonly folder: string) {
    this.sockets = Object.entries(MOST).map(([name, mostConnections]) => ({
      inPod: join(folder, `pod-${name}`),
      onHost: join(folder, `host-${name}`),
      mostConnections,
    }));
  }

  async start(): Promise<void> {
    const args = this.sockets.flatMap(({ inPod, mostConnections }) => [String(mostConnections), inPod]);
    const keeper = spawn(KEEPER, ['serve', ...args]);
    keeper.stdin.on('error', () => undefined);
    const end = new TunnelEnd(this.sockets, (frame) => keeper.stdin.write(frame));
    const frames = new FrameReader();
    keeper.stdout.on('data', (bytes: Buffer) => {
      for (const frame of frames.push(bytes)) end.take(frame);
    });
    keeper.on('close', () => end.close());
    [this.keeper, this.end] = [keeper, end];
    // The last one that it makes.
    const probe = await eventually(() => this.dial(1));
    probe.destroy();
    await eventually(() => end.openConnections === 0);
  }

  async dial(place: number): Promise<Socket> {
    const socket = connect({ path: this.sockets[place]?.inPod ?? '', allowHalfOpen: true });
    socket.on('error', () => undefined);
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('close', reject));
    return socket;
  }

  residentBytes(): number {
    const status = readFileSync(`/proc/${this.keeper?.pid ?? 0}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
  }

  async stop(): Promise<void> {
    const { keeper } = this;
    if (keeper?.exitCode === null && keeper.signalCode === null) {
      const closed = once(keeper, 'close');
      keeper.kill('SIGKILL');
      await closed;
    }
  }

  async dispose(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** What is answered to a client that says nothing. */
async function answerTo(socket: Socket): Promise<string> {
  socket.end();
  return textOf(socket);
}

async function textOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  // Its iterator would end the other direction too.
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'end');
  return Buffer.concat(chunks).toString();
}

describeWithGuard("a tunnel from a pod's sockets to this machine's", () => {
  let tunnel: Tunnel;
  const servers: Server[] = [];
  const welcomed: Socket[] = [];

  /** @param place of a socket */
  async function serve(place: number, answer: (socket: Socket) => void): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined);
      welcomed.push(socket);
      answer(socket);
    });
    servers.push(server);
    await once(server.listen(tunnel.sockets[place]?.onHost), 'listening');
  }

  beforeEach(async () => {
    tunnel = new Tunnel(await mkdtemp(join(tmpdir(), 'tunnel-')));
  });
  afterEach(async () => {
    for (const socket of welcomed.splice(0)) socket.destroy();
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
    await tunnel.dispose();
  });

  it('carries questions and answers of megabytes, and an end of one direction alone', async () => {
    await serve(0, (socket) => void textOf(socket).then((text) => socket.end(text.toUpperCase())));
    await tunnel.start();
    const socket = await tunnel.dial(0);
    socket.end('x'.repeat(3 * MEGABYTE));
    const answer = await textOf(socket);
    expect([answer.length, answer === 'X'.repeat(answer.length)]).toEqual([3 * MEGABYTE, true]);
    await eventually(() => tunnel.end?.openConnections === 0);
  }, 30_000);

  it('leads each socket of the pod to its own one', async () => {
    await serve(0, (socket) => socket.end('tools'));
    await serve(1, (socket) => socket.end('net'));
    await tunnel.start();
    expect(await answerTo(await tunnel.dial(1))).toBe('net');
    expect(await answerTo(await tunnel.dial(0))).toBe('tools');
  }, 30_000);

  it('lets no connection wait for one whose client does not read, and holds little of it', async () => {
    await serve(1, (socket) => socket.write(Buffer.alloc(64 * MEGABYTE)));
    await serve(0, (socket) => socket.pipe(socket));
    await tunnel.start();
    const before = tunnel.residentBytes();
    const stalled = await Promise.all(Array.from({ length: MOST.net }, () => tunnel.dial(1)));
    for (const one of stalled) one.pause();
    const lively = await tunnel.dial(0);
    for (let round = 0; round < 20; round++) {
      lively.write(`round ${round}`);
      const [heard] = (await once(lively, 'data')) as [Buffer];
      expect(heard.toString()).toBe(`round ${round}`);
    }
    expect(tunnel.residentBytes() - before).toBeLessThan((MOST.net + 4) * WINDOW_BYTES);
    for (const one of [...stalled, lively]) one.destroy();
    await eventually(() => tunnel.end?.openConnections === 0);
  }, 30_000);

  it('lets no connection wait for one whose server does not read', async () => {
    await serve(1, (socket) => socket.pause());
    await serve(0, (socket) => socket.end('answer'));
    await tunnel.start();
    const stalled = await tunnel.dial(1);
    let isTaken = false;
    stalled.write(Buffer.alloc(64 * MEGABYTE), () => (isTaken = true));
    for (let round = 0; round < 20; round++) expect(await answerTo(await tunnel.dial(0))).toBe('answer');
    expect(isTaken).toBe(false);
    stalled.destroy();
  }, 30_000);

  it('keeps a client beyond the most waiting until another one is gone', async () => {
    await serve(0, (socket) => socket.write('welcome'));
    await tunnel.start();
    const all = await Promise.all(Array.from({ length: MOST.tools + 1 }, () => tunnel.dial(0)));
    const heard = new Set<Socket>();
    for (const one of all) one.on('data', () => heard.add(one));
    await eventually(() => heard.size === MOST.tools);
    expect(tunnel.end?.openConnections).toBe(MOST.tools);
    [...heard][0]?.destroy();
    await eventually(() => heard.size === MOST.tools + 1);
  }, 30_000);

  it('breaks what is under way when its stream dies, and serves anew at the same place', async () => {
    await serve(0, (socket) => socket.write('begun'));
    await tunnel.start();
    const socket = await tunnel.dial(0);
    await once(socket, 'data');
    const ended = textOf(socket);
    // In the middle of a frame.
    tunnel.keeper?.stdin.end(frameOf('d', 1, Buffer.alloc(1_000)).subarray(0, 100));
    expect(await ended).toBe('');
    await eventually(() => welcomed.every(({ readableEnded, destroyed }) => readableEnded || destroyed));
    await tunnel.start();
    const [again] = (await once(await tunnel.dial(0), 'data')) as [Buffer];
    expect(again.toString()).toBe('begun');
  }, 30_000);

  it('ends where what it is told breaks the rules', async () => {
    await tunnel.start();
    const closed = once(tunnel.keeper ?? process, 'close');
    tunnel.keeper?.stdin.write(frameOf('d', 77, Buffer.from('of no connection')));
    expect((await closed)[0]).toBe(0);
  }, 30_000);
});
