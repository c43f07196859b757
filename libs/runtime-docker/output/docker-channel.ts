import type { IncomingMessage } from 'node:http';
import { AppError } from '@crewtab/domain/errors';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { AgentChannel, OutputLine } from '@crewtab/domain/ports/runtime';
import { requestLog, inspectContainer, processOf } from '../agents/containers';
import { type ContainerOutput, PlainOutput } from './plain-output';
import { type EngineClient, isRefusal, toAppError, unreachable } from '../engine/engine-client';
import { answeredAt, leaveTrace } from '../engine/engine-memory';
import { isGuarded } from '../agents/container-spec';
import { GuardedOutput } from './guarded-output';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { effect } from '@crewtab/domain/failpoint';
import type Docker from 'dockerode';

/**
 * Opens a container: its log from the beginning, its stdin when something is written. A container that the engine
 * does not know has no output and takes no input.
 */
export async function openChannel(
  engine: EngineClient,
  handle: string,
  { onClose, ...options }: ChannelOptions,
): Promise<AgentChannel> {
  const found = await inspectContainer(engine, handle);
  const log = found && (await requestLog(engine, handle));
  const said = log && (await outputOf(engine, handle, log, isGuarded(found), options));
  return new DockerChannel(engine, handle, said, onClose);
}

export interface ChannelOptions {
  readonly onClose: (channel: AgentChannel) => void;
  readonly logger?: Logger | undefined;
  /** Default LONGEST_LINE_BYTES. */
  readonly longestLineBytes?: number | undefined;
}

async function outputOf(
  engine: EngineClient,
  handle: string,
  log: IncomingMessage,
  isKept: boolean,
  options: Omit<ChannelOptions, 'onClose'>,
): Promise<ContainerOutput> {
  try {
    if (isKept) return await GuardedOutput.open(engine, handle, log, options);
    await leaveTrace(engine, handle, answeredAt(log));
    return new PlainOutput(engine, handle, log, options.longestLineBytes);
  } catch (error) {
    log.destroy();
    throw error;
  }
}

class DockerChannel implements AgentChannel {
  readonly output: AsyncIterable<OutputLine>;
  private readonly stdin: StdinWriter;
  private isRead = false;

  constructor(
    engine: EngineClient,
    handle: string,
    /** Null without a container. */
    private readonly said: ContainerOutput | null,
    private readonly onClose: (channel: AgentChannel) => void,
  ) {
    this.stdin = new StdinWriter(engine, handle, () => this.refusal());
    this.output = { [Symbol.asyncIterator]: () => this.read() };
  }

  write(data: string): Promise<void> {
    return this.stdin.write(data);
  }

  endInput(): Promise<void> {
    return this.stdin.end();
  }

  close(): void {
    this.stdin.close();
    this.said?.close();
    this.onClose(this);
  }

  private refusal(): AppError | null {
    const ended = this.said === null ? 'absent' : this.said.ended;
    if (ended === null) return null;
    return ended === 'absent'
      ? new AppError('agent_vanished', 'the engine does not know this container')
      : new AppError('agent_exited', 'the agent has ended');
  }

  private async *read(): AsyncGenerator<OutputLine> {
    if (this.isRead) throw new Error('the output of a channel is read once: open another channel');
    this.isRead = true;
    if (this.said) yield* this.said.lines();
  }
}

/**
 * Turns the beginning of a line that may have arrived into a line that is no JSON, even where only its newline was missing.
 * Agents must tolerate such lines; an agent that received nothing of the line before sees this one alone.
 */
const SPOILER = '!\n';
/** Between two attempts to attach; each one waits longer by as much, up to the second, ms. */
const ATTACH_AGAIN_MS = 100;
const ATTACH_AGAIN_MAX_MS = 2_000;

/**
 * Writes to a container's stdin through an attachment of its own, made at the first write and again where the last one
 * broke between writes. One write at a time, in order.
 *
 * For a `once` container the first attachment is the only one: when it ends, by whatever cause, the program sees the
 * end of its input. Bytes written between an agent's end and the end of its output are taken by the engine and lost.
 */
export class StdinWriter {
  private socket: Socket | null = null;
  private isClosed = false;
  private isEnded = false;
  private queue: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly engine: EngineClient,
    private readonly handle: string,
    /** Why nothing can be written any more, or null. */
    private readonly refusal: () => AppError | null,
  ) {}

  /**
   * Resolves when the engine has taken every byte. After a failure any number of them may have arrived.
   *
   * Where the operating system refused the last bytes, because the attachment had just broken, the line did not arrive whole:
   * it is written once more, behind a line end that spoils the part that did arrive.
   */
  write(data: string): Promise<void> {
    return this.inTurn(async () => {
      if (this.isEnded) throw inputEnded();
      const untilMs = performance.now() + this.engine.limits.writeMs;
      for (let text = data; ; text = `${SPOILER}${data}`) {
        try {
          return await this.writeOnce(text);
        } catch (error) {
          if (!isOneLine(data) || !wasRefused(error) || !(await this.mayAttachAgain(untilMs))) throw error;
        }
      }
    });
  }

  end(): Promise<void> {
    return this.inTurn(async () => {
      if (this.isEnded) return;
      const socket = await this.attached();
      this.isEnded = true;
      await this.withinInputLimit(() => effect('docker.stdin.end', () => send(socket, (done) => socket.end(done))));
    });
  }

  private async writeOnce(data: string): Promise<void> {
    const socket = await this.attached();
    const bytes = Buffer.from(data);
    await this.withinInputLimit(() =>
      effect('docker.stdin.write', () => send(socket, (done) => socket.write(bytes, done))),
    );
  }

  /** A write under way is completed; waiting writes are rejected. */
  close(): void {
    this.isClosed = true;
    this.socket?.destroySoon();
  }

  /**
   * An engine with full buffers waits for the agent to read, and may send what it holds later. A write that was given up is
   * therefore never continued: the attachment is broken.
   */
  private async withinInputLimit(act: () => Promise<void>): Promise<void> {
    const limitMs = this.engine.limits.writeMs;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.socket?.destroy();
    }, limitMs);
    try {
      await act();
    } catch (error) {
      if (!isLate) throw error;
      const words = `the agent did not read what was written to it within ${limitMs / 1_000} s`;
      throw new AppError('engine_unreachable', words, { retryable: true, cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  private inTurn(act: () => Promise<void>): Promise<void> {
    const turn = this.queue.then(act);
    this.queue = turn.catch(() => undefined);
    return turn;
  }

  /**
   * A failed attempt to attach has carried no byte, so it is repeated for as long as a write may take. A `once` container
   * gets one attempt: its program may have seen the end of its input when the engine dropped the connection.
   */
  private async attached(): Promise<Socket> {
    const untilMs = performance.now() + this.engine.limits.writeMs;
    for (let tries = 1; ; tries++) {
      try {
        return await this.attachedOrThrow();
      } catch (error) {
        if (!isRetryable(error) || !(await this.mayAttachAgain(untilMs))) throw error;
        await delay(Math.min(tries * ATTACH_AGAIN_MS, ATTACH_AGAIN_MAX_MS));
      }
    }
  }

  /** Asks the engine what kind of container it is, for as long as it does not answer. */
  private async mayAttachAgain(untilMs: number): Promise<boolean> {
    while (performance.now() < untilMs && !this.isClosed) {
      try {
        const found = await inspectContainer(this.engine, this.handle);
        return found?.Config.StdinOnce === false;
      } catch (error) {
        if (!isRetryable(error)) throw error;
        await delay(ATTACH_AGAIN_MS);
      }
    }
    return false;
  }

  private async attachedOrThrow(): Promise<Socket> {
    this.throwIfRefused();
    if (this.socket?.writable) return this.socket;
    // At once, so that the look costs no time: the engine attaches to what has ended as well, and bytes vanish there.
    const [attached, looked] = await Promise.allSettled([this.attach(), inspectContainer(this.engine, this.handle)]);
    if (attached.status === 'rejected') throw attached.reason;
    const socket = attached.value;
    try {
      if (looked.status === 'rejected') throw looked.reason;
      this.throwIfEnded(looked.value);
      this.throwIfRefused();
    } catch (error) {
      socket.destroy();
      throw error;
    }
    this.socket = socket;
    return socket;
  }

  private throwIfEnded(found: Docker.ContainerInspectInfo | null): void {
    if (!found) throw new AppError('agent_vanished', 'the engine does not know this container');
    if (processOf(found.State).status === 'exited') throw new AppError('agent_exited', 'the agent has ended');
    if (found.Config.StdinOnce && this.socket) throw inputEnded();
  }

  private throwIfRefused(): void {
    const refused = this.isClosed ? new AppError('engine_error', 'the channel is closed') : this.refusal();
    if (refused) throw refused;
  }

  private async attach(): Promise<Socket> {
    try {
      return await this.engine.read(`attach to ${this.handle}`, (abortSignal) =>
        effect('docker.stdin.attach', () => this.dial(abortSignal)),
      );
    } catch (error) {
      if (isRefusal(error, 404)) throw new AppError('agent_vanished', error.words, { cause: error });
      if (isRefusal(error, 409)) throw new AppError('agent_exited', error.words, { cause: error });
      throw toAppError(error);
    }
  }

  /**
   * Not dockerode's own attach: that sends its options as the request's body as well, which must never end up in an
   * agent's stdin. An empty body of known length leaves nothing to misread.
   */
  private dial(abortSignal: AbortSignal): Promise<Socket> {
    const request = {
      path: `/containers/${this.handle}/attach?`,
      method: 'POST',
      file: Buffer.alloc(0),
      headers: { 'Content-Type': 'text/plain' },
      hijack: true,
      isStream: true,
      abortSignal,
      statusCodes: {
        101: true,
        200: true,
        404: 'no such container',
        409: 'container is not running',
        500: 'server error',
      },
      options: { stream: 1, stdin: 1, stdout: 0, stderr: 0, logs: 0 },
    };
    return new Promise((resolve, reject) => {
      this.engine.docker.modem.dial(request, (error, result) => {
        if (error) reject(error);
        else if (isSocket(result)) resolve(tended(result));
        else reject(new Error('the engine did not upgrade the connection'));
      });
    });
  }
}

/**
 * Settles when the socket has taken the data, or breaks before. Node reports success for a write that a destroyed socket
 * cut off, so success counts only on a socket that is open or was ended in order.
 */
async function send(socket: Socket, act: (done: (error?: Error | null) => void) => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const broke = (): void => reject(unreachable('write to an agent', 'the connection broke'));
    socket.once('close', broke);
    act((error) => {
      socket.removeListener('close', broke);
      if (error) reject(unreachable('write to an agent', error.message, error));
      else if (socket.destroyed && !socket.writableFinished) broke();
      else resolve();
    });
  });
}

function tended(socket: Socket): Socket {
  // A write reports its own errors; between writes an error only means that the next one attaches again.
  socket.on('error', () => socket.destroy());
  // The engine sends nothing on this socket, but an unread end of it would keep the socket half open.
  return socket.resume();
}

/**
 * Whether the system call itself failed, so that the last bytes never left this machine. A connection that is found broken
 * only afterwards may have carried all of them.
 */
function wasRefused(error: unknown): boolean {
  const { code, syscall } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
  return isRetryable(error) && syscall === 'write' && (code === 'EPIPE' || code === 'ECONNRESET');
}

/** Of several lines the first may have arrived whole, and must not come twice. */
function isOneLine(data: string): boolean {
  return data.indexOf('\n') === data.length - 1;
}

function isRetryable(error: unknown): boolean {
  return error instanceof AppError && error.retryable;
}

function inputEnded(): AppError {
  return new AppError('engine_error', 'the input of this agent has ended');
}

function isSocket(value: unknown): value is Socket {
  return typeof value === 'object' && value !== null && 'destroySoon' in value;
}
