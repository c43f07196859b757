import { randomBytes } from 'node:crypto';
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { readLines } from './lines';

export type Answer = { readonly text: string; readonly isError: boolean };
type Json = Readonly<Record<string, unknown>>;
interface Call {
  /** The call as a line, without its end. */
  readonly begun: string;
  readonly askedAtMs: number;
  settle(answer: Answer): void;
}

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 1_000;
/** The worker takes no longer call. */
const LONGEST_CALL_BYTES = 16 * 1024 * 1024;
/** `,"waitedMs":…}` and the newline. */
const LONGEST_END_BYTES = 64;

/**
 * Calls to the worker that survive its absence. Connects when it is announced or has a call to send, stays connected, and
 * connects again only while a call is unanswered.
 *
 * One JSON object a line: `{ id, agent, tool, arguments, waitedMs }` there, `{ id, result: { text } }` or
 * `{ id, error: { message } }` back; `waitedMs` is for a worker that hears it later, since agents give up on slow tools. The worker may be restarted or replaced at any moment: every unanswered call is sent again *with the same id*, for
 * as long as it takes, so that the agent sees only a slow tool. The worker must treat an id that it knows as the same call.
 */
export class TeamSocket {
  private readonly unanswered = new Map<string, Call>();
  private readonly nonce = randomBytes(8).toString('hex');
  private count = 0;
  private socket: Socket | null = null;
  private isReady = false;
  private backoffMs = FIRST_BACKOFF_MS;
  private retry: NodeJS.Timeout | null = null;

  constructor(
    private readonly path: string,
    private readonly agent: string,
  ) {}

  /** Resolves with the worker's answer, and never when `signal` says first that the answer is not wanted any more. */
  call(tool: string, args: Json, signal: AbortSignal): Promise<Answer> {
    // Unique in the run, since no two bridges share a nonce.
    const id = `${this.agent}-${this.nonce}-${++this.count}`;
    const begun = JSON.stringify({ id, agent: this.agent, tool, arguments: args }).slice(0, -1);
    if (Buffer.byteLength(begun) > LONGEST_CALL_BYTES - LONGEST_END_BYTES) {
      const text = `too long: a call has at most ${LONGEST_CALL_BYTES} bytes. Put it into a file of the shared workspace.`;
      return Promise.resolve({ text, isError: true });
    }
    return new Promise((settle) => {
      const call = { begun, askedAtMs: performance.now(), settle };
      this.unanswered.set(id, call);
      signal.addEventListener('abort', () => this.unanswered.delete(id), { once: true });
      if (this.isReady) this.socket?.write(lineOf(call));
      else this.connect();
    });
  }

  /** So that the worker knows that the tools were started. Not tried again: the first call would do it. */
  announce(): void {
    this.connect();
  }

  private connect(): void {
    if (this.socket || this.retry) return;
    const socket = createConnection(this.path);
    this.socket = socket;
    let reason = 'the other side closed it';
    socket.on('connect', () => {
      this.isReady = true;
      for (const call of this.unanswered.values()) socket.write(lineOf(call));
    });
    readLines(socket, (line) => this.receive(line));
    socket.on('error', (error) => (reason = error.message));
    socket.on('close', () => this.disconnected(reason));
  }

  private disconnected(reason: string): void {
    this.socket = null;
    this.isReady = false;
    if (this.unanswered.size === 0) return;
    // Said once per outage: every further attempt would only repeat it.
    if (this.backoffMs === FIRST_BACKOFF_MS)
      process.stderr.write(`team-bridge: no connection to the worker (${reason}), trying again\n`);
    this.retry = setTimeout(() => {
      this.retry = null;
      this.connect();
    }, this.backoffMs);
    this.backoffMs = Math.min(2 * this.backoffMs, LONGEST_BACKOFF_MS);
  }

  private receive(line: string): void {
    const message = parseObject(line);
    // Only an answer proves that a worker serves the socket: one that accepts and dies must not be hammered.
    if (message) this.backoffMs = FIRST_BACKOFF_MS;
    const id = String(message?.['id']);
    const call = this.unanswered.get(id);
    if (!message || !call) return;
    this.unanswered.delete(id);
    const error = message['error'] as { message?: unknown } | undefined;
    const result = message['result'] as { text?: string } | undefined;
    call.settle(error ? { text: String(error.message), isError: true } : { text: result?.text ?? '', isError: false });
  }
}

function lineOf({ begun, askedAtMs }: Call): string {
  return `${begun},"waitedMs":${Math.round(performance.now() - askedAtMs)}}\n`;
}

function parseObject(line: string): Json | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null;
  } catch {
    return null;
  }
}
