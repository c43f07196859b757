// Run as a process of its own: an agent's connections and the host that they lead to, so that the worker's process has
// nothing to do but what passes through its proxy.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/**
 * - `bulk`: each connection receives as fast as it gets.
 * - `short`: each is opened, gets a kilobyte, and makes place for the next.
 * - `talk`: each stays open and exchanges a kilobyte ten times a second.
 */
export type Load = 'bulk' | 'short' | 'talk';

export interface LoadOrder {
  readonly load: Load;
  readonly connections: number;
  readonly socketPath: string;
}

export type LoadReport = { readonly port: number } | { readonly open: number } | { readonly done: LoadCounts };

export interface LoadCounts {
  readonly connections: number;
  readonly bytes: number;
}

const KILOBYTE = Buffer.alloc(1_024, 'x');
const CHUNK = Buffer.alloc(64 * 1_024, 'x');
const TALK_EVERY_MS = 100;

function tell(report: LoadReport): void {
  process.send?.(report);
}

/** What the host answers: the first byte says which load it is. */
function serve(socket: Socket): void {
  socket.on('error', () => undefined);
  socket.once('data', (first) => {
    const load = String(first)[0];
    if (load === 's') return void socket.end(KILOBYTE);
    if (load === 't') return void socket.on('data', () => socket.write(KILOBYTE));
    const fill = (): void => {
      while (!socket.destroyed && socket.write(CHUNK));
    };
    socket.on('drain', fill);
    fill();
  });
}

class Agent {
  private isStopped = false;
  private readonly sockets = new Set<Socket>();
  private made = 0;
  private bytes = 0;

  constructor(
    private readonly order: LoadOrder,
    private readonly port: number,
  ) {}

  start(): void {
    for (let count = 0; count < this.order.connections; count++) this.open();
  }

  stop(): LoadCounts {
    this.isStopped = true;
    for (const socket of this.sockets) socket.destroy();
    return { connections: this.made, bytes: this.bytes };
  }

  private open(): void {
    const { load, connections, socketPath } = this.order;
    const socket = connect(socketPath);
    const at = `127.0.0.1:${this.port}`;
    let isOpen = false;
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('connect', () => socket.write(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`));
    socket.on('data', (data) => {
      this.bytes += data.length;
      if (isOpen) return;
      isOpen = true;
      this.made += 1;
      if (this.made === connections) tell({ open: connections });
      socket.write(load);
      if (load === 'talk') {
        const timer = setInterval(() => socket.write(KILOBYTE), TALK_EVERY_MS);
        socket.on('close', () => clearInterval(timer));
      }
    });
    socket.on('close', () => {
      this.sockets.delete(socket);
      if (!this.isStopped) this.open();
    });
  }
}

async function main(): Promise<void> {
  const server = createServer(serve).listen(0, '127.0.0.1', 4_096);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  let agent: Agent | null = null;
  process.on('message', (order: LoadOrder | 'stop') => {
    if (order === 'stop') {
      if (agent) tell({ done: agent.stop() });
      agent = null;
      return;
    }
    agent = new Agent(order, port);
    agent.start();
  });
  process.on('disconnect', () => process.exit());
  tell({ port });
}

if (require.main === module) void main();
