import { rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type NetConnectOpts, type Server, type Socket } from 'node:net';

export type Direction = 'up' | 'down' | 'both';

/** Makes what a client says pass through a function of its own connection; null holds it back until more has come. */
export type Rewrite = (chunk: Buffer) => Buffer | null;

export interface LinkOptions {
  /** `worker 2 → postgres`: who is cut off from whom. */
  readonly name: string;
  readonly to: NetConnectOpts;
  /** A unix socket's path; without it a free port on loopback. */
  readonly path?: string;
  /** Called for each connection. */
  readonly rewriteOf?: () => Rewrite;
}

/**
 * One process's way to one service. Passes bytes on until it is told not to. Faults act on this way alone, so that
 * one worker loses Postgres while its neighbour keeps it.
 */
export class FaultProxy {
  private readonly server: Server;
  private readonly connections = new Set<Connection>();
  private readonly faults: LinkFaults = { delayMs: 0, swallowed: null };
  private isRefusing = false;
  private refusal: { readonly request: RegExp; readonly answer: string } | null = null;
  private losing: { readonly request: RegExp; readonly onLost: () => void } | null = null;

  private constructor(private readonly options: LinkOptions) {
    this.server = createServer({ allowHalfOpen: true }, (client) => this.accept(client));
  }

  static async open(options: LinkOptions): Promise<FaultProxy> {
    const link = new FaultProxy(options);
    await new Promise<void>((resolve, reject) => {
      link.server.once('error', reject);
      if (options.path === undefined) link.server.listen(0, '127.0.0.1', resolve);
      else link.server.listen(options.path, resolve);
    });
    return link;
  }

  get name(): string {
    return this.options.name;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get path(): string {
    return this.options.path ?? '';
  }

  /** Breaks every connection; new ones work. */
  cutAll(): void {
    for (const connection of [...this.connections]) connection.destroy();
  }

  /** Breaks one connection. `which`: 0 ≤ x < 1. False when there is none. */
  cutOne(which: number): boolean {
    const connection = [...this.connections][Math.floor(which * this.connections.size)];
    connection?.destroy();
    return connection !== undefined;
  }

  /** Breaks all connections and takes no new ones, until `heal`. */
  refuse(): void {
    this.isRefusing = true;
    this.cutAll();
  }

  /** From now on every chunk takes so much longer, until `heal`. */
  slow(delayMs: number): void {
    this.faults.delayMs = delayMs;
  }

  /** Connections stay open and new ones are accepted, but in that direction nothing arrives, until `heal`. */
  swallow(direction: Direction): void {
    this.faults.swallowed = direction;
  }

  /**
   * The next request (that matches) has its effect, and its answer is dropped with the connection.
   * @param onLost called when that has happened. @returns what takes it back.
   */
  loseNextReply(request: RegExp | null, onLost: () => void): () => void {
    const losing = { request: request ?? /^/, onLost };
    this.losing = losing;
    return () => {
      if (this.losing === losing) this.losing = null;
    };
  }

  /** From now on requests that match get this answer, byte for byte, and are not passed on, until `heal`. */
  answerInstead(request: RegExp, answer: string): void {
    this.refusal = { request, answer };
  }

  /** Ends all faults. Connections that lost bytes are broken: what comes next would make no sense. */
  heal(): void {
    this.isRefusing = false;
    this.refusal = null;
    this.losing = null;
    this.faults.delayMs = 0;
    this.faults.swallowed = null;
    for (const connection of [...this.connections]) if (connection.hasLostBytes) connection.destroy();
  }

  async close(): Promise<void> {
    this.cutAll();
    await new Promise((resolve) => this.server.close(resolve));
    if (this.options.path !== undefined) await rm(this.options.path, { force: true });
  }

  private accept(client: Socket): void {
    if (this.isRefusing) return void client.on('error', () => undefined).destroy();
    const connection = new Connection(client, connect({ ...this.options.to, allowHalfOpen: true }), this.faults, {
      rewrite: this.options.rewriteOf?.() ?? null,
      answerInstead: (request) => (this.refusal?.request.test(startOf(request)) ? this.refusal.answer : null),
      isReplyLost: (request) => this.takeLostReply(request),
      onClose: () => this.connections.delete(connection),
    });
    this.connections.add(connection);
  }

  private takeLostReply(request: Buffer): boolean {
    const { losing } = this;
    if (!losing?.request.test(startOf(request))) return false;
    this.losing = null;
    losing.onLost();
    return true;
  }
}

/** Enough for a request's first line. Clients write a request at once, and the next one after its answer. */
function startOf(request: Buffer): string {
  return request.subarray(0, 500).toString('latin1');
}

interface ConnectionHooks {
  readonly rewrite: Rewrite | null;
  readonly answerInstead: (request: Buffer) => string | null;
  readonly isReplyLost: (request: Buffer) => boolean;
  readonly onClose: () => void;
}

class Connection {
  private readonly up: DelayedPipe;
  private readonly down: DelayedPipe;
  private isReplyLost = false;
  private isClosed = false;

  constructor(
    private readonly client: Socket,
    private readonly service: Socket,
    faults: LinkFaults,
    private readonly hooks: ConnectionHooks,
  ) {
    client.setNoDelay(true);
    service.setNoDelay(true);
    this.up = new DelayedPipe(client, service, 'up', faults);
    this.down = new DelayedPipe(service, client, 'down', faults);
    client.on('data', (chunk: Buffer) => this.request(chunk));
    service.on('data', (chunk: Buffer) => {
      if (this.isReplyLost) this.destroy();
      else this.down.pass(chunk);
    });
    client.on('end', () => this.up.end());
    service.on('end', () => this.down.end());
    for (const socket of [client, service]) {
      socket.on('error', () => this.destroy());
      socket.on('close', () => this.destroy());
    }
  }

  get hasLostBytes(): boolean {
    return this.up.hasLostBytes || this.down.hasLostBytes;
  }

  destroy(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.client.destroy();
    this.service.destroy();
    this.hooks.onClose();
  }

  private request(chunk: Buffer): void {
    const passed = this.hooks.rewrite === null ? chunk : this.hooks.rewrite(chunk);
    if (passed === null) return;
    const answer = this.hooks.answerInstead(passed);
    if (answer !== null) return void this.client.write(answer);
    if (this.hooks.isReplyLost(passed)) this.isReplyLost = true;
    this.up.pass(passed);
  }
}

/** What is wrong with a link at present; read anew for every chunk. */
interface LinkFaults {
  delayMs: number;
  swallowed: 'up' | 'down' | 'both' | null;
}

/** One direction of a connection: chunks in their order, late or never as the faults say. */
class DelayedPipe {
  hasLostBytes = false;
  private readonly waiting: { readonly chunk: Buffer; readonly at: number }[] = [];
  private isEnding = false;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly direction: 'up' | 'down',
    private readonly faults: LinkFaults,
  ) {
    to.on('drain', () => from.resume());
  }

  pass(chunk: Buffer): void {
    if (this.isSwallowed()) {
      this.hasLostBytes = true;
      return;
    }
    if (this.faults.delayMs === 0 && this.waiting.length === 0) return this.write(chunk);
    this.waiting.push({ chunk, at: performance.now() + this.faults.delayMs });
    if (this.waiting.length === 1) this.wake();
  }

  /** The sender has said its last; what is still under way comes first. */
  end(): void {
    if (this.isSwallowed()) {
      this.hasLostBytes = true;
      return;
    }
    this.isEnding = true;
    if (this.waiting.length === 0) this.to.end();
  }

  /** One timer for the first in the queue: several might come out of order. */
  private wake(): void {
    const [first] = this.waiting;
    if (first === undefined) return;
    setTimeout(
      () => {
        this.waiting.shift();
        this.write(first.chunk);
        if (this.waiting.length > 0) this.wake();
        else if (this.isEnding) this.to.end();
      },
      Math.max(0, first.at - performance.now()),
    );
  }

  private write(chunk: Buffer): void {
    if (this.to.writable && !this.to.write(chunk)) this.from.pause();
  }

  private isSwallowed(): boolean {
    return this.faults.swallowed === this.direction || this.faults.swallowed === 'both';
  }
}
