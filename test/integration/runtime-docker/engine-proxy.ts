import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Stands between a runtime and the engine and loses what a test wants lost. */
export class EngineProxy {
  readonly path = join(tmpdir(), `crewtab-proxy-${randomBytes(6).toString('hex')}.sock`);
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private losing: RegExp | null = null;
  private halving: RegExp | null = null;
  private pretence: { readonly words: string; readonly instead: string } | null = null;
  private isStalled = false;

  private constructor(private readonly engineHost: string) {
    this.server = createServer({ allowHalfOpen: true }, (client) => this.relay(client));
  }

  static async open(engineHost: string): Promise<EngineProxy> {
    const proxy = new EngineProxy(engineHost);
    await new Promise<void>((resolve) => proxy.server.listen(proxy.path, resolve));
    return proxy;
  }

  get dockerHost(): string {
    return `unix://${this.path}`;
  }

  /** The next request whose first line matches reaches the engine, and its answer is dropped with the connection. */
  loseReplyTo(requestLine: RegExp): void {
    this.losing = requestLine;
  }

  /** Of the answer to the next request whose first line matches only the first bytes come through, then the connection breaks. */
  breakAnswerTo(requestLine: RegExp): void {
    this.halving = requestLine;
  }

  /** The next answer with these words has others of the same length. */
  pretendOnce(words: string, instead: string): void {
    if (words.length !== instead.length) throw new RangeError('the length of the answer is told before it');
    this.pretence = { words, instead };
  }

  /** Breaks every connection; new ones work. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** From now on nothing of the engine comes through, and connections stay open. */
  stall(): void {
    this.isStalled = true;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
    await rm(this.path, { force: true });
  }

  private pretend(chunk: Buffer): Buffer {
    const text = chunk.toString('latin1');
    if (this.pretence === null || !text.includes(this.pretence.words)) return chunk;
    const { words, instead } = this.pretence;
    this.pretence = null;
    return Buffer.from(text.replace(words, instead), 'latin1');
  }

  private relay(client: Socket): void {
    const engine = connect({ path: this.engineHost.replace(/^unix:\/\//, ''), allowHalfOpen: true });
    let isLost = false;
    let isHalved = false;
    this.keep(client, engine);
    client.on('data', (chunk: Buffer) => {
      const requestLine = chunk.subarray(0, 500).toString('latin1').split('\r\n')[0] ?? '';
      if (this.losing?.test(requestLine)) {
        this.losing = null;
        isLost = true;
      }
      if (this.halving?.test(requestLine)) {
        this.halving = null;
        isHalved = true;
      }
      engine.write(chunk);
    });
    engine.on('data', (chunk: Buffer) => {
      if (isLost) client.destroy();
      else if (isHalved) client.write(chunk, () => client.destroy());
      else if (!this.isStalled) client.write(this.pretend(chunk));
    });
    client.on('end', () => engine.end());
    engine.on('end', () => client.end());
  }

  private keep(client: Socket, engine: Socket): void {
    for (const [socket, other] of [
      [client, engine],
      [engine, client],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
  }
}
