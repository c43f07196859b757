import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWithGuard, forwarderOfThisMachine } from '../../kit/services/guard-folder';
import { eventually } from '../../kit/wait-for';

/** images/guard/forwarder.c as a program, without a container. */
describeWithGuard('the forwarder', () => {
  let folder = '';
  let socketPath = '';
  let port = 0;
  const started: ChildProcessWithoutNullStreams[] = [];
  const servers: Server[] = [];
  const sockets: Socket[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crewtab-forwarder-'));
    socketPath = join(folder, 'proxy.sock');
    port = await freePort();
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const server of servers.splice(0)) server.close();
    for (const child of started.splice(0)) child.kill('SIGKILL');
    for (const pid of await forwarders()) process.kill(pid, 'SIGKILL');
    await rm(folder, { recursive: true });
  });

  async function freePort(): Promise<number> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port: free } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    return free;
  }

  /** The processes that forward to this test's socket: they outlive the program that the forwarder becomes. */
  async function forwarders(): Promise<number[]> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const words = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
    return pids.filter((_, at) => words[at]?.includes(`\0${socketPath}\0`)).map(Number);
  }

  function start(command: readonly string[], at = String(port), path = socketPath): ChildProcessWithoutNullStreams {
    const child = spawn(forwarderOfThisMachine() ?? '', [at, path, ...command]);
    started.push(child);
    return child;
  }

  async function startCat(): Promise<void> {
    const child = start(['sh', '-c', 'echo up; exec cat']);
    await once(child.stdout, 'data');
  }

  /** A worker's end of the socket. */
  async function listen(onConnection: (socket: Socket) => void): Promise<Server> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket.on('error', () => undefined));
      onConnection(socket);
    });
    servers.push(server);
    await once(server.listen(socketPath), 'listening');
    return server;
  }

  function call(): Socket {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    sockets.push(socket.on('error', () => undefined));
    return socket;
  }

  async function allOf(socket: Socket): Promise<Buffer> {
    const chunks: Buffer[] = [];
    // No `for await`, which destroys a socket whose other direction is still open.
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(socket, 'end');
    return Buffer.concat(chunks);
  }

  it('becomes the program, with its arguments, input and exit code', async () => {
    const child = start(['sh', '-c', 'read line; echo "$line $1"; exit 7', 'sh', 'two']);
    const { pid } = child;
    child.stdin.end('one\n');
    expect(String((await once(child.stdout, 'data'))[0])).toBe('one two\n');
    expect(await once(child, 'exit')).toEqual([7, null]);
    expect(await forwarders()).not.toContain(pid);
  });

  it('keeps nothing of the program open', async () => {
    const child = start(['sh', '-c', 'echo all']);
    // Not before the last holder of its output is gone.
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(await forwarders()).toHaveLength(1);
  });

  it('has its port open before the program starts', async () => {
    await listen((socket) => socket.end('answer'));
    const script = `require('net').connect(${port}, '127.0.0.1').on('data', (d) => console.log(String(d)))`;
    const child = start([process.execPath, '-e', script]);
    expect(String((await once(child.stdout, 'data'))[0])).toBe('answer\n');
  });

  it('carries bytes both ways, and the end of each way by itself', async () => {
    const heard = new Promise<Buffer>((resolve) => {
      void listen((socket) => void allOf(socket).then((all) => (resolve(all), socket.end(`got ${all.length}`))));
    });
    await startCat();
    const socket = call();
    const sent = Buffer.alloc(3_000_000, 'abcdefg');
    socket.end(sent);
    expect(String(await allOf(socket))).toBe('got 3000000');
    expect((await heard).equals(sent)).toBe(true);
  });

  it('carries much to a reader that is slow, and holds little of it', async () => {
    const large = Buffer.alloc(20_000_000, '0123456789');
    let written: Socket | null = null;
    await listen((socket) => (written = socket).end(large));
    await startCat();
    const socket = call();
    await once(socket, 'readable');
    await eventually(() => expect(written?.writableLength).toBeGreaterThan(0));
    expect((await allOf(socket)).equals(large)).toBe(true);
  });

  it('waits for a worker that is not there yet, and leads to the next one without a restart', async () => {
    await startCat();
    const early = call();
    early.write('early');
    const first = await listen((socket) => socket.on('data', (data) => socket.write(`first: ${String(data)}`)));
    expect(String((await once(early, 'data'))[0])).toBe('first: early');
    first.close();
    for (const socket of sockets) if (socket !== early) socket.destroy();
    expect(String(await allOf(early))).toBe('');
    await rm(socketPath, { force: true });
    const late = call();
    late.write('late');
    await listen((socket) => socket.on('data', (data) => socket.write(`second: ${String(data)}`)));
    expect(String((await once(late, 'data'))[0])).toBe('second: late');
  });

  it('carries 256 connections, and the next one once another has ended', async () => {
    let count = 0;
    await listen((socket) => {
      count++;
      socket.on('data', (data) => socket.write(data)).on('end', () => socket.end());
    });
    await startCat();
    const all = Array.from({ length: 256 }, call);
    for (const [at, socket] of all.entries()) socket.write(`${at}`);
    const answers = await Promise.all(all.map(async (socket) => String((await once(socket, 'data'))[0])));
    expect(answers).toEqual(all.map((_, at) => `${at}`));
    const beyond = call();
    beyond.write('beyond');
    await once(beyond, 'connect');
    // Whatever it does next for those it has, the forwarder has been past its port by then.
    all[0]?.write('again');
    await once(all[0] as Socket, 'data');
    expect(count).toBe(256);
    all[1]?.destroy();
    expect(String((await once(beyond, 'data'))[0])).toBe('beyond');
  });

  it('rests while its connections rest', async () => {
    await listen((socket) => {
      socket.on('data', (data) => socket.write(data));
      socket.on('end', () => undefined);
    });
    await startCat();
    const [open, halfClosed, unread] = [call(), call(), call()];
    for (const socket of [open, halfClosed, unread]) {
      socket.write('x');
      await once(socket, 'data');
    }
    halfClosed.end();
    unread.pause();
    const [pid = 0] = await forwarders();
    const before = await ticksOf(pid);
    // What it does in a while in which nothing happens: there is no signal to wait for.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((await ticksOf(pid)) - before).toBeLessThan(5);
  });

  /** Processor time, in hundredths of a second. */
  async function ticksOf(pid: number): Promise<number> {
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
    return Number(fields[11]) + Number(fields[12]);
  }

  it.each([
    ['too few words', ['1'], 125, 'usage: forwarder'],
    ['no port', ['x', '/tmp/s', 'true'], 125, 'not a port'],
    ['a path that is too long', ['1', `/${'x'.repeat(200)}`, 'true'], 125, 'too long'],
  ])('says what is wrong with %s', async (_case, words, code, message) => {
    const child = spawn(forwarderOfThisMachine() ?? '', words);
    started.push(child);
    const said: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
    expect(await once(child, 'close')).toEqual([code, null]);
    expect(Buffer.concat(said).toString()).toContain(message);
  });

  it('says that its port is taken, and starts nothing', async () => {
    const taken = createServer().listen(port, '127.0.0.1');
    servers.push(taken);
    await once(taken, 'listening');
    const child = start(['sh', '-c', 'echo started']);
    const said: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => said.push(chunk));
    expect(await once(child, 'close')).toEqual([125, null]);
    expect(Buffer.concat(said).toString()).toMatch(/^crewtab forwarder: bind: Address .*in use\n$/);
  });

  it('says what it cannot run, with the exit codes of a shell', async () => {
    expect(await once(start(['/no/such/program']), 'close')).toEqual([127, null]);
    port = await freePort();
    expect(await once(start([folder]), 'close')).toEqual([126, null]);
  });
});
