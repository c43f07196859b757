import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { FaultProxy } from '../../kit/proxy';
import { eventually } from '../../kit/wait-for';

/** Answers each line with `echo <line>`. */
class EchoServer {
  readonly heard: string[] = [];
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  constructor() {
    this.server = createServer((socket) => {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        const line = chunk.toString();
        this.heard.push(line);
        socket.write(`echo ${line}`);
      });
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

class LineClient {
  received = '';
  isClosed = false;
  private readonly socket: Socket;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk) => (this.received += chunk.toString()));
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => (this.isClosed = true));
  }

  say(line: string): void {
    this.socket.write(line);
  }

  close(): void {
    this.socket.destroy();
  }
}

describe('a link with faults', () => {
  let echo: EchoServer;
  let link: FaultProxy;
  const clients: LineClient[] = [];

  beforeEach(async () => {
    echo = new EchoServer();
    const port = await echo.listen();
    link = await FaultProxy.open({ name: 'test → echo', to: { host: '127.0.0.1', port } });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await link.close();
    await echo.close();
  });

  function open(): LineClient {
    const client = new LineClient(link.port);
    clients.push(client);
    return client;
  }

  async function opened(): Promise<LineClient> {
    const client = open();
    client.say('hello');
    await eventually(() => client.received === 'echo hello');
    return client;
  }

  it('passes bytes on in both directions', async () => {
    expect((await opened()).received).toBe('echo hello');
  });

  it('breaks one connection and takes the next', async () => {
    const client = await opened();
    expect(link.cutOne(0.5)).toBe(true);
    await eventually(() => client.isClosed);
    await opened();
  });

  it('says when there is no connection to break', () => {
    expect(link.cutOne(0.5)).toBe(false);
  });

  it('refuses until it is healed', async () => {
    const before = await opened();
    link.refuse();
    const during = open();
    await eventually(() => before.isClosed && during.isClosed);
    link.heal();
    await opened();
  });

  it('lets a request have its effect and drops the answer with the connection', async () => {
    const client = await opened();
    const onLost = jest.fn();
    link.loseNextReply(/^DELETE/, onLost);
    client.say('GET');
    await eventually(() => client.received.endsWith('echo GET'));
    client.say('DELETE');
    await eventually(() => client.isClosed);
    expect(echo.heard).toContain('DELETE');
    expect(client.received).not.toContain('DELETE');
    expect(onLost).toHaveBeenCalledTimes(1);
  });

  it('answers what matches in place of the service until it is healed, and passes all else on', async () => {
    const client = await opened();
    link.answerInstead(/^DELETE/, 'no');
    client.say('DELETE');
    await eventually(() => client.received === 'echo hellono');
    client.say('GET');
    await eventually(() => client.received.endsWith('echo GET'));
    link.heal();
    client.say('DELETE');
    await eventually(() => client.received.endsWith('echo DELETE'));
    expect(echo.heard).toEqual(['hello', 'GET', 'DELETE']);
  });

  it('swallows what comes back while the connection stays open, and breaks it when it is healed', async () => {
    const client = await opened();
    link.swallow('down');
    client.say('lost');
    await eventually(() => echo.heard.includes('lost'));
    expect(client).toMatchObject({ received: 'echo hello', isClosed: false });
    link.heal();
    await eventually(() => client.isClosed);
  });

  it('is late, and keeps the order of what it delays when the delay ends', async () => {
    const client = await opened();
    link.slow(150);
    const startedAt = performance.now();
    client.say('1');
    await eventually(() => client.received.endsWith('echo 1'));
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(290);
    client.say('2');
    await eventually(() => echo.heard.includes('2'));
    link.heal();
    client.say('3');
    await eventually(() => client.received.endsWith('echo 2echo 3'));
  });
});
