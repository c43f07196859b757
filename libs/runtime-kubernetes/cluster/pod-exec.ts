import type { IncomingMessage } from 'node:http';
import WebSocket from 'ws';
import type { Status } from './api-objects';
import type { ClusterClient } from './cluster-client';
import { refusalOf, unreachable } from './cluster-errors';

export interface ExecTarget {
  readonly pod: string;
  readonly container: string;
}

/** How a program that was started in a container ended, as its connection tells. */
export type ExecEnd =
  | { readonly how: 'exited'; readonly code: number }
  /** What it did and said last is not known. */
  | { readonly how: 'broken'; readonly why: string };

const PROTOCOL = 'v4.channel.k8s.io';
const CHANNELS = { stdin: 0, stdout: 1, stderr: 2, status: 3 } as const;
/** So much of stdout is held for a slow reader. */
const MOST_HELD_BYTES = 4 * 1024 * 1024;
const PIECE_BYTES = 32 * 1024;
/** Of a connection that brings nothing. */
const PING_MS = 10_000;
const SILENT_MS = 30_000;

/**
 * A program in a container of a pod, over the connection of one `exec`. Stdin cannot be closed without closing all of it, so its lengths
 * are counted. A connection that breaks leaves the program alone.
 */
export class PodExec {
  readonly end: Promise<ExecEnd>;
  /** The end of it. */
  stderr = '';
  /** Of a program that says a word now and then: so long without one, and its connection counts as dead; ms. */
  silenceLimitMs = Infinity;
  private readonly held: Buffer[] = [];
  private heldBytes = 0;
  private wake: (() => void) | null = null;
  private status: ExecEnd | null = null;
  private isOver = false;
  private writing: Promise<void> = Promise.resolve();
  /** The last sign of the connection, and the last word of the program. */
  private heardAt = performance.now();
  private saidAt = performance.now();

  private constructor(private readonly socket: WebSocket) {
    const beat = setInterval(() => this.beat(), PING_MS);
    socket.on('message', (data) => this.take(data as Buffer));
    socket.on('pong', () => (this.heardAt = performance.now()));
    socket.on('error', () => socket.terminate());
    this.end = new Promise((resolve) => {
      socket.on('close', (code: number, reason: Buffer) => {
        clearInterval(beat);
        this.isOver = true;
        this.wake?.();
        resolve(this.status ?? { how: 'broken', why: `the connection ended (${code} ${reason.toString()})`.trim() });
      });
    });
  }

  /** @throws AppError `engine_unreachable`, or ClusterRefusal with the cluster's words */
  static async start(
    client: ClusterClient,
    { pod, container }: ExecTarget,
    command: readonly string[],
  ): Promise<PodExec> {
    const what = `start ${command.slice(0, 2).join(' ')} in ${pod}`;
    const url = new URL(client.connection.server);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    url.pathname = `${url.pathname.replace(/\/$/, '')}${client.pathOf('pods', pod)}/exec`;
    for (const name of ['stdin', 'stdout', 'stderr']) url.searchParams.append(name, 'true');
    url.searchParams.append('container', container);
    for (const word of command) url.searchParams.append('command', word);
    const options = await client.connection.options('own');
    const socket = new WebSocket(url, PROTOCOL, {
      ...(options as WebSocket.ClientOptions),
      handshakeTimeout: client.limits.requestMs,
      maxPayload: 0,
      perMessageDeflate: false,
    });
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(new PodExec(socket)));
      socket.once('error', (error) => reject(unreachable(what, error.message, error)));
      socket.once('unexpected-response', (_request, answer: IncomingMessage) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.once('close', () => {
          reject(refusalOf(answer.statusCode ?? 0, Buffer.concat(chunks).toString('utf8'), what));
          socket.terminate();
        });
      });
    });
  }

  /** Resolves when the operating system has taken it; an end of the connection is told by `end`. One write at a time, in order. */
  write(bytes: Buffer): Promise<void> {
    const written = this.writing.then(() => this.send(bytes));
    this.writing = written;
    return written;
  }

  private async send(bytes: Buffer): Promise<void> {
    for (let from = 0; from < bytes.length && !this.isOver; from += PIECE_BYTES) {
      const piece = Buffer.concat([Buffer.of(CHANNELS.stdin), bytes.subarray(from, from + PIECE_BYTES)]);
      await new Promise<void>((resolve) => this.socket.send(piece, () => resolve()));
    }
  }

  /** Stdout, as it comes; once. Ends with the connection, however that ended. */
  async *stdout(): AsyncGenerator<Buffer> {
    for (;;) {
      const next = this.held.shift();
      if (next) {
        this.heldBytes -= next.length;
        if (this.heldBytes < MOST_HELD_BYTES && this.socket.isPaused) {
          this.heardAt = this.saidAt = performance.now();
          this.socket.resume();
        }
        yield next;
      } else if (this.isOver) return;
      else
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
    }
  }

  close(): void {
    this.socket.terminate();
  }

  private take(data: Buffer): void {
    this.heardAt = performance.now();
    const payload = data.subarray(1);
    if (payload.length > 0) this.saidAt = this.heardAt;
    switch (data[0]) {
      case CHANNELS.stdout:
        if (payload.length > 0) this.hold(payload);
        return;
      case CHANNELS.stderr:
        this.stderr = `${this.stderr}${payload.toString('utf8')}`.slice(-4_096);
        return;
      case CHANNELS.status:
        this.status = endOf(payload.toString('utf8'));
        return;
      default:
        // A channel that this protocol does not have.
        return;
    }
  }

  private hold(bytes: Buffer): void {
    this.held.push(bytes);
    this.heldBytes += bytes.length;
    if (this.heldBytes >= MOST_HELD_BYTES) this.socket.pause();
    this.wake?.();
  }

  private beat(): void {
    if (this.socket.isPaused) return;
    const now = performance.now();
    if (now - this.heardAt > SILENT_MS || now - this.saidAt > this.silenceLimitMs) this.socket.terminate();
    else if (this.socket.readyState === WebSocket.OPEN) this.socket.ping();
  }
}

function endOf(text: string): ExecEnd {
  try {
    const { status, message = '', details } = JSON.parse(text) as Status;
    if (status === 'Success') return { how: 'exited', code: 0 };
    const code = details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message;
    return code === undefined ? { how: 'broken', why: message } : { how: 'exited', code: Number(code) };
  } catch {
    return { how: 'broken', why: text.slice(0, 500) };
  }
}
