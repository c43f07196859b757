import type { OutputLine } from '@crewtab/domain/ports/runtime';
import { AppError } from '@crewtab/domain/errors';
import { LineSplitter } from '@crewtab/domain/runs/line-splitter';

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
