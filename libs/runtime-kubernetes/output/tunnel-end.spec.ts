import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../../test/kit/wait-for';
import { TunnelEnd } from './tunnel-end';
import {
  FrameReader,
  frameOf,
  MOST_PAYLOAD_BYTES,
  TunnelFault,
  WINDOW_BYTES,
  windowFrame,
  type Frame,
} from './tunnel-frames';

describe('frames of a tunnel', () => {
  const bytes = Buffer.concat([
    frameOf('o', 1, Buffer.of(0)),
    frameOf('d', 2 ** 31, Buffer.from('grün')),
    windowFrame(1, 65_536),
    frameOf('c', 1),
  ]);

  it.each([1, 4, 1_000])('come whole out of pieces of %i bytes', (size) => {
    const reader = new FrameReader();
    const frames = [];
    for (let at = 0; at < bytes.length; at += size) frames.push(...reader.push(bytes.subarray(at, at + size)));
    expect(frames.map(({ kind, id, payload }) => [kind, id, payload.toString('latin1')])).toEqual([
      ['o', 1, '\0'],
      ['d', 2 ** 31, Buffer.from('grün').toString('latin1')],
      ['w', 1, '\0\x01\0\0'],
      ['c', 1, ''],
    ]);
  });

  it.each([
    ['of no kind', Buffer.from('x\0\0\0\x01\0\0\0\0', 'latin1')],
    ['that is longer than any', Buffer.from('d\0\0\0\x01\xff\xff\xff\xff', 'latin1')],
  ])('are refused where there is one %s', (_, broken) => {
    expect(() => [...new FrameReader().push(broken)]).toThrow(TunnelFault);
  });
});

/** The pod's side, by hand. */
class FakePod {
  readonly said: Frame[] = [];
  readonly end: TunnelEnd;
  private readonly reader = new FrameReader();

  constructor(paths: readonly string[], mostConnections = 2) {
    const sockets = paths.map((onHost) => ({ inPod: onHost, onHost, mostConnections }));
    this.end = new TunnelEnd(sockets, (frame) => this.said.push(...this.reader.push(frame)));
  }

  say(frame: Buffer): void {
    for (const one of new FrameReader().push(frame)) this.end.take(one);
  }

  kindsOf(id: number): string {
    return this.said
      .filter((frame) => frame.id === id)
      .map(({ kind }) => kind)
      .join('');
  }

  dataOf(id: number): Buffer {
    return Buffer.concat(
      this.said.filter(({ kind, id: of }) => kind === 'd' && of === id).map(({ payload }) => payload),
    );
  }
}

describe("this machine's end of a tunnel", () => {
  let folder: string;
  let server: Server;
  let welcomed: Socket[];
  let pod: FakePod;
  const path = (): string => join(folder, 's');

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tunnel-'));
    welcomed = [];
    server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      socket.on('error', () => undefined);
      welcomed.push(socket);
    });
    await once(server.listen(path()), 'listening');
    pod = new FakePod([path()]);
  });
  afterEach(async () => {
    pod.end.close();
    for (const socket of welcomed) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true, force: true });
  });

  async function open(id: number): Promise<Socket> {
    const before = welcomed.length;
    pod.say(frameOf('o', id, Buffer.of(0)));
    return eventually(() => welcomed[before] ?? false);
  }

  it('carries both directions, and the end of each by itself', async () => {
    const socket = await open(1);
    socket.resume();
    const heard: Buffer[] = [];
    socket.on('data', (bytes: Buffer) => heard.push(bytes));
    pod.say(frameOf('d', 1, Buffer.from('question')));
    const end = once(socket, 'end');
    pod.say(frameOf('e', 1));
    await end;
    expect(Buffer.concat(heard).toString()).toBe('question');
    socket.end('answer');
    await eventually(() => pod.kindsOf(1) === 'dec');
    expect(pod.dataOf(1).toString()).toBe('answer');
    expect(pod.end.openConnections).toBe(1);
    pod.say(frameOf('c', 1));
    expect(pod.end.openConnections).toBe(0);
  });

  it('reads no more of a connection than the pod may be sent, and goes on with the others', async () => {
    const [stalled, lively] = [await open(1), await open(2)];
    let isTaken = false;
    stalled.write(Buffer.alloc(16 * WINDOW_BYTES), () => (isTaken = true));
    await eventually(() => pod.dataOf(1).length === WINDOW_BYTES);
    lively.write('lively');
    await eventually(() => pod.dataOf(2).toString() === 'lively');
    expect(pod.dataOf(1)).toHaveLength(WINDOW_BYTES);
    expect(isTaken).toBe(false);
    pod.say(windowFrame(1, 10));
    await eventually(() => pod.dataOf(1).length === WINDOW_BYTES + 10);
  });

  it('tells the window only for what was passed on', async () => {
    const [stalled, lively] = [await open(1), await open(2)];
    lively.resume();
    const windowsOf = (id: number): number =>
      pod.said
        .filter(({ kind, id: of }) => kind === 'w' && of === id)
        .reduce((sum, { payload }) => sum + payload.readUInt32BE(), 0);
    const fill = (id: number, bytes: number): void => {
      for (let left = bytes; left > 0; left -= MOST_PAYLOAD_BYTES)
        pod.say(frameOf('d', id, Buffer.alloc(Math.min(left, MOST_PAYLOAD_BYTES))));
    };
    // Until the kernel takes no more of it.
    let sent = 0;
    for (; windowsOf(1) === sent; sent += WINDOW_BYTES) {
      fill(1, WINDOW_BYTES);
      fill(2, WINDOW_BYTES);
      const told = sent + WINDOW_BYTES;
      await eventually(() => windowsOf(2) === told);
    }
    expect(sent).toBeLessThan(1024 * WINDOW_BYTES);
    stalled.resume();
    await eventually(() => windowsOf(1) === sent);
  });

  it.each<[string, (pod: FakePod) => void]>([
    [
      'data beyond the window',
      (it) => {
        for (let sent = 0; sent <= WINDOW_BYTES; sent += MOST_PAYLOAD_BYTES)
          it.say(frameOf('d', 1, Buffer.alloc(MOST_PAYLOAD_BYTES)));
      },
    ],
    ['a window that nothing was sent for', (it) => it.say(windowFrame(1, 1))],
    ['a window without a number', (it) => it.say(frameOf('w', 1))],
    [
      'data after its end',
      (it) => {
        it.say(frameOf('e', 1));
        it.say(frameOf('d', 1, Buffer.of(1)));
      },
    ],
    ['a word of no connection', (it) => it.say(frameOf('d', 9, Buffer.of(1)))],
    ['a connection twice', (it) => it.say(frameOf('o', 1, Buffer.of(0)))],
    ['a connection of no socket', (it) => it.say(frameOf('o', 2, Buffer.of(7)))],
    [
      'more connections than there may be',
      (it) => {
        for (const id of [2, 3]) it.say(frameOf('o', id, Buffer.of(0)));
      },
    ],
  ])('takes %s for a fault', async (_, act) => {
    await open(1);
    expect(() => act(pod)).toThrow(TunnelFault);
  });

  it('lets what the pod said arrive when its client is gone, and frees the place then', async () => {
    const socket = await open(1);
    pod.say(frameOf('d', 1, Buffer.from('last words')));
    pod.say(frameOf('c', 1));
    expect(pod.end.openConnections).toBe(1);
    const heard: Buffer[] = [];
    socket.on('data', (bytes: Buffer) => heard.push(bytes)).resume();
    await once(socket, 'end');
    expect(Buffer.concat(heard).toString()).toBe('last words');
    await eventually(() => pod.end.openConnections === 0);
    expect(pod.kindsOf(1)).toBe('c');
  });

  it('says that a connection is closed where nothing listens', async () => {
    pod = new FakePod([join(folder, 'absent')]);
    pod.say(frameOf('o', 1, Buffer.of(0)));
    await eventually(() => pod.kindsOf(1) === 'c');
    pod.say(frameOf('c', 1));
    expect(pod.end.openConnections).toBe(0);
  });

  it('breaks all of its connections when the tunnel is gone, and says nothing more', async () => {
    const socket = await open(1);
    socket.resume();
    const closed = once(socket, 'end');
    pod.end.close();
    await closed;
    expect(pod.said).toEqual([]);
  });
});
