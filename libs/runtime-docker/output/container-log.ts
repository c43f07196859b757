import type { OutputLine, AgentProcess } from '@crewtab/domain/ports/runtime';
import { LineSplitter } from '@crewtab/domain/runs/agent-output';
import { AppError } from '@crewtab/domain/errors';
import { type EngineClient, unreachable, isRefusal, toAppError, sortEngineError } from '../engine/engine-client';
import { inspectProcess } from '../agents/containers';
import type { IncomingMessage } from 'node:http';

/** Between the end of a log and the engine's word that the process has ended may lie a moment; ms between looks. */
const END_LOOKS_MS = [0, 10, 30, 100, 300, 600];

/** The output of a container as lines, read once from its beginning; see `AgentChannel.output`. */
export interface ContainerOutput {
  lines(): AsyncGenerator<OutputLine>;
  /** What became of the process, once its log has ended; null before. */
  readonly ended: AgentProcess['status'] | null;
  close(): void;
}

/** The log from its beginning: to the end of the process, or as it is where that has ended. Null without a container. */
export async function requestLog(engine: EngineClient, handle: string): Promise<IncomingMessage | null> {
  try {
    const log = await engine.read(`follow the log of ${handle}`, async (abortSignal) => {
      const options = { follow: true, stdout: true, stderr: true, abortSignal } as const;
      return (await engine.docker.getContainer(handle).logs(options)) as unknown as IncomingMessage;
    });
    // Errors reach the reader through its iterator; without a reader they do not matter.
    log.on('error', () => undefined);
    return log;
  } catch (error) {
    // 409: being removed.
    if (isRefusal(error, 404, 409)) return null;
    throw toAppError(error);
  }
}

/** A log that ends is not yet a process that ended: an engine that restarts ends its logs as well. */
export async function confirmEnd(engine: EngineClient, handle: string): Promise<'exited' | 'absent'> {
  for (const waitMs of END_LOOKS_MS) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    const { status } = await inspectProcess(engine, handle);
    if (status === 'exited' || status === 'absent') return status;
  }
  throw unreachable('follow the log', 'it ended though the agent still runs');
}

/** What an agent without a guard says, as far as the engine has written it down. */
export class PlainOutput implements ContainerOutput {
  ended: AgentProcess['status'] | null = null;
  private isClosed = false;
  private rest: IncomingMessage | null = null;

  constructor(
    private readonly engine: EngineClient,
    private readonly handle: string,
    private readonly log: IncomingMessage,
  ) {}

  async *lines(): AsyncGenerator<OutputLine> {
    const lines = new LogLines();
    yield* this.follow(this.log, lines);
    if (this.isClosed) return;
    this.ended = await confirmEnd(this.engine, this.handle);
    if (this.ended === 'exited') yield* this.catchUp(lines);
    if (!this.isClosed) yield* lines.end();
  }

  close(): void {
    this.isClosed = true;
    this.log.destroy();
    this.rest?.destroy();
  }

  private async *follow(log: IncomingMessage, lines: LogLines): AsyncGenerator<OutputLine> {
    try {
      for await (const chunk of log as AsyncIterable<Buffer>) {
        yield* lines.push(chunk);
        if (this.isClosed) return;
      }
    } catch (error) {
      if (this.isClosed) return;
      throw toAppError(sortEngineError(error, 'follow the log'));
    }
    if (!this.isClosed && !lines.isAtBoundary) throw unreachable('follow the log', 'it ended in the middle of a line');
  }

  /**
   * The engine ends a followed log when it closes the file, whether or not the last entries were sent: an unterminated
   * last line was seen missing in half of all cases. So a log that is complete is read once more, beyond what was seen.
   */
  private async *catchUp(lines: LogLines): AsyncGenerator<OutputLine> {
    const rest = await requestLog(this.engine, this.handle);
    if (!rest) return;
    this.rest = rest;
    yield* this.follow(rest, lines.again());
  }
}

/** The lines of both streams of a container's log. */
export class LogLines {
  private frames = new LogFrameDecoder();
  private readonly splitters = { stdout: new LineSplitter(), stderr: new LineSplitter() };
  private readonly seenBytes = { stdout: 0, stderr: 0 };
  private skipBytes = { stdout: 0, stderr: 0 };

  /** True where the log may end without having lost a part of an entry. */
  get isAtBoundary(): boolean {
    return this.frames.isAtBoundary;
  }

  *push(chunk: Buffer): Generator<OutputLine> {
    for (const { stream, bytes } of this.frames.push(chunk)) {
      const skipped = Math.min(this.skipBytes[stream], bytes.length);
      this.skipBytes[stream] -= skipped;
      if (skipped === bytes.length) continue;
      this.seenBytes[stream] += bytes.length - skipped;
      for (const line of this.splitters[stream].push(bytes.subarray(skipped))) yield { stream, ...line };
    }
  }

  /** The same log is read again from its beginning: what was seen is skipped. */
  again(): this {
    this.frames = new LogFrameDecoder();
    this.skipBytes = { ...this.seenBytes };
    return this;
  }

  /** The unterminated last lines of a log that is complete. */
  *end(): Generator<OutputLine> {
    for (const stream of ['stdout', 'stderr'] as const) {
      const last = this.splitters[stream].end();
      if (last) yield { stream, ...last };
    }
  }
}

/** A piece of the payload of one frame; frames come in pieces as the network cuts them. */
export interface LogPiece {
  readonly stream: OutputLine['stream'];
  readonly bytes: Buffer;
}

const HEADER_BYTES = 8;
const STREAMS: Readonly<Record<number, OutputLine['stream'] | 'system'>> = { 1: 'stdout', 2: 'stderr', 3: 'system' };

/**
 * Takes apart the engine's multiplexed stream: frames of an 8-byte header (stream, three zeros, length as big-endian
 * uint32) and a payload. The engine cuts lines over 16 KB into several frames.
 */
export class LogFrameDecoder {
  private readonly header = Buffer.alloc(HEADER_BYTES);
  private headerBytes = 0;
  private stream: OutputLine['stream'] | 'system' = 'stdout';
  private payloadLeft = 0;
  private systemMessage = '';

  /** True between two frames, where a stream may end without having lost anything. */
  get isAtBoundary(): boolean {
    return this.headerBytes === 0 && this.payloadLeft === 0;
  }

  /** Throws `engine_error` (retryable) where the engine says in the stream that it could not read the log. */
  *push(chunk: Buffer): Generator<LogPiece> {
    for (let from = 0; from < chunk.length;) {
      if (this.payloadLeft === 0) {
        from += this.readHeader(chunk, from);
      } else {
        const bytes = chunk.subarray(from, from + this.payloadLeft);
        from += bytes.length;
        this.payloadLeft -= bytes.length;
        if (this.stream !== 'system') yield { stream: this.stream, bytes };
        else this.readSystem(bytes);
      }
    }
  }

  private readHeader(chunk: Buffer, from: number): number {
    const taken = chunk.copy(this.header, this.headerBytes, from, from + HEADER_BYTES - this.headerBytes);
    this.headerBytes += taken;
    if (this.headerBytes < HEADER_BYTES) return taken;
    const stream = STREAMS[this.header.readUInt8(0)];
    if (!stream)
      throw new AppError(
        'engine_error',
        `the engine's log stream has a frame of unknown kind ${this.header.readUInt8(0)}`,
      );
    this.stream = stream;
    this.payloadLeft = this.header.readUInt32BE(4);
    this.headerBytes = 0;
    return taken;
  }

  private readSystem(bytes: Buffer): void {
    this.systemMessage += bytes.toString('utf8');
    if (this.payloadLeft === 0) throw new AppError('engine_error', this.systemMessage.trim(), { retryable: true });
  }
}
