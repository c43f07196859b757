import type { IncomingMessage } from 'node:http';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { AgentProcess, OutputLine } from '@crewtab/domain/ports/runtime';
import { LineSplitter } from '@crewtab/domain/runs/agent-output';
import { confirmEnd, requestLog, type ContainerOutput, KeptOutput } from './kept-output';
import { type EngineClient, sortEngineError, toAppError, unreachable } from '../engine/engine-client';
import { RecordReader, type Foreign, type GuardRecord } from '@crewtab/agent-guard/guard-records';
import { AppError } from '@crewtab/domain/errors';

/** A log that does not bring what the guard has kept for so long, has lost it; ms. */
const SILENCE_MS = 500;

/** What is not on stdout, where all records are: why the guard or the engine's init could not start the agent. */
interface Words {
  readonly kind: 'words';
  readonly bytes: Buffer;
}

/**
 * What an agent under a guard says. The log brings it as it happens; what the log lacks, because its engine ended before it
 * had written it down, is read from the file that the guard keeps. Records come twice then, and are known by their position.
 */
export class GuardedOutput implements ContainerOutput {
  ended: AgentProcess['status'] | null = null;
  private isClosed = false;
  /** All records before it were given. */
  private position = 0;
  private isWhole = false;
  /** The log once more. */
  private rest: IncomingMessage | null = null;
  /** Bytes of words that were given, and of those that the log brings once more. */
  private readonly words = { given: 0, again: 0 };
  private readonly lineEnds = { stdout: new LineSplitter(), stderr: new LineSplitter() };

  private constructor(
    private readonly engine: EngineClient,
    private readonly handle: string,
    private readonly log: IncomingMessage,
    private readonly kept: KeptOutput,
    /** Bytes that the guard had kept when the log was asked for: the log brings so much, or has lost it. */
    private owed: number,
    private readonly logger?: Logger,
  ) {}

  static async open(
    engine: EngineClient,
    handle: string,
    log: IncomingMessage,
    logger?: Logger,
  ): Promise<GuardedOutput> {
    const kept = new KeptOutput(engine, handle);
    return new GuardedOutput(engine, handle, log, kept, await kept.size(), logger);
  }

  async *lines(): AsyncGenerator<OutputLine> {
    yield* this.follow(this.log);
    if (this.isClosed) return;
    this.ended = await confirmEnd(this.engine, this.handle);
    if (this.ended === 'exited' && !this.isWhole) yield* this.catchUp();
    if (this.isClosed) return;
    for (const stream of ['stdout', 'stderr'] as const) {
      const last = this.lineEnds[stream].end();
      if (last) yield { stream, ...last };
    }
  }

  close(): void {
    this.isClosed = true;
    this.log.destroy();
    this.rest?.destroy();
  }

  /** The end is missing: it is in the file; or in the log, which may have ended before its last entries were sent. */
  private async *catchUp(): AsyncGenerator<OutputLine> {
    yield* this.readKept(Infinity);
    if (this.isWhole || this.isClosed) return;
    this.rest = await requestLog(this.engine, this.handle);
    this.words.again = this.words.given;
    if (this.rest) yield* this.follow(this.rest);
  }

  private async *follow(log: IncomingMessage): AsyncGenerator<OutputLine> {
    const frames = new LogFrameDecoder();
    const records = new RecordReader();
    for await (const chunk of this.chunks(log)) {
      if (chunk === 'silence') yield* this.payOwed();
      else {
        for (const record of recordsOf(frames.push(chunk), records)) {
          if ('position' in record && record.position > this.position) yield* this.fill(record.position);
          yield* this.accept(record);
        }
      }
      if (this.isClosed) return;
    }
    if (!this.isClosed && !frames.isAtBoundary) throw unreachable('follow the log', 'it ended in the middle of a line');
  }

  private async *chunks(from: IncomingMessage): AsyncGenerator<Buffer | 'silence'> {
    const log = (from as AsyncIterable<Buffer>)[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
    try {
      for (let next = log.next(); ;) {
        // A reader that closes the output while the log is silent leaves this promise behind.
        next.catch(() => undefined);
        const got = this.position < this.owed ? await orSilence(next) : await next;
        if (this.isClosed || (got !== 'silence' && got.done)) return;
        yield got === 'silence' ? got : got.value;
        if (got !== 'silence') next = log.next();
      }
    } catch (error) {
      if (!this.isClosed) throw toAppError(sortEngineError(error, 'follow the log'));
    }
  }

  private *accept(record: GuardRecord | Foreign | Words): Generator<OutputLine> {
    switch (record.kind) {
      case 'foreign':
        return;
      case 'words':
        yield* this.yieldLines(record.bytes);
        return;
      default:
        if (record.position < this.position) return;
        this.position = record.end;
        if (record.kind === 'end') this.isWhole = true;
        else yield* this.give(record.stream, record.bytes);
    }
  }

  private *yieldLines(bytes: Buffer): Generator<OutputLine> {
    const again = Math.min(this.words.again, bytes.length);
    this.words.again -= again;
    this.words.given += bytes.length - again;
    yield* this.give('stderr', bytes.subarray(again));
  }

  private *give(stream: OutputLine['stream'], bytes: Buffer): Generator<OutputLine> {
    for (const line of this.lineEnds[stream].push(bytes)) yield { stream, ...line };
  }

  /** The last of it may be a record that was just being written: that one is still to come. */
  private async *payOwed(): AsyncGenerator<OutputLine> {
    yield* this.readKept(this.owed);
    this.owed = this.position;
  }

  /** Gives what lies before a record. What the file lacks too is lost, and a line says so in its place. */
  private async *fill(position: number): AsyncGenerator<OutputLine> {
    yield* this.readKept(position);
    if (position <= this.position || this.isClosed) return;
    const words = `crewtab: the container engine lost about ${position - this.position} bytes of output here\n`;
    this.position = position;
    yield* this.give('stderr', Buffer.from(words));
  }

  /** From the file, up to a position or the end of it. */
  private async *readKept(until: number): AsyncGenerator<OutputLine> {
    const from = this.position;
    yield* this.acceptKept(until);
    const bytes = this.position - from;
    if (bytes > 0) this.logger?.info({ container: this.handle, bytes }, 'read output that the log of its engine lacks');
  }

  /** The agent can write to the file and spoil it: what is not the next record ends the reading. */
  private async *acceptKept(until: number): AsyncGenerator<OutputLine> {
    const records = new RecordReader();
    let at = this.position;
    while (this.position < until && !this.isClosed) {
      const bytes = await this.kept.read(at);
      if (bytes.length === 0) return;
      at += bytes.length;
      for (const record of records.push(bytes)) {
        if (this.position >= until || record.kind === 'foreign' || record.position !== this.position) return;
        yield* this.accept(record);
      }
    }
  }
}

function* recordsOf(
  frames: Iterable<{ readonly stream: OutputLine['stream']; readonly bytes: Buffer }>,
  records: RecordReader,
): Generator<GuardRecord | Foreign | Words> {
  for (const { stream, bytes } of frames) {
    if (stream === 'stdout') yield* records.push(bytes);
    else yield { kind: 'words', bytes };
  }
}

async function orSilence<T>(next: Promise<T>): Promise<T | 'silence'> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<'silence'>((resolve) => {
    timer = setTimeout(() => resolve('silence'), SILENCE_MS);
  });
  try {
    return await Promise.race([next, silence]);
  } finally {
    clearTimeout(timer);
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
