import type { IncomingMessage } from 'node:http';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { AgentProcess, OutputLine } from '@crewtab/domain/ports/runtime';
import { LineSplitter } from '@crewtab/domain/runs/line-splitter';
import { confirmEnd, type ContainerOutput } from './container-log';
import type { EngineClient } from './engine-client';
import { sortEngineError, toAppError, unreachable } from './engine-errors';
import { RecordReader, type GuardRecord, type Intruder } from './guard-records';
import { KeptOutput } from './kept-output';
import { LogFrameDecoder } from './log-frames';

/** A log that does not bring what the guard has kept for so long, has lost it; ms. */
const SILENCE_MS = 500;

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
  private readonly frames = new LogFrameDecoder();
  private readonly records = new RecordReader();
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
    yield* this.follow();
    if (this.isClosed) return;
    this.ended = await confirmEnd(this.engine, this.handle);
    if (this.ended === 'exited' && !this.isWhole) yield* this.readKept(Infinity);
    if (this.isClosed) return;
    for (const stream of ['stdout', 'stderr'] as const) {
      const last = this.lineEnds[stream].end();
      if (last) yield { stream, ...last };
    }
  }

  close(): void {
    this.isClosed = true;
    this.log.destroy();
  }

  private async *follow(): AsyncGenerator<OutputLine> {
    for await (const chunk of this.chunks()) {
      if (chunk === 'silence') yield* this.payOwed();
      else {
        for (const record of this.recordsOf(chunk)) {
          if (record.kind !== 'intruder' && record.position > this.position) yield* this.fill(record.position);
          yield* this.accept(record);
        }
      }
      if (this.isClosed) return;
    }
    if (!this.isClosed && !this.frames.isAtBoundary)
      throw unreachable('follow the log', 'it ended in the middle of a line');
  }

  private async *chunks(): AsyncGenerator<Buffer | 'silence'> {
    const log = (this.log as AsyncIterable<Buffer>)[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
    try {
      for (let next = log.next(); ;) {
        // Whoever closes the output while the log is silent leaves it behind.
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

  private *recordsOf(chunk: Buffer): Generator<GuardRecord | Intruder> {
    for (const { stream, bytes } of this.frames.push(chunk)) {
      // All records are on stdout. What is not, the guard or the engine's init says themselves: why they could not start.
      if (stream === 'stdout') yield* this.records.push(bytes);
      else yield { kind: 'intruder', stream, bytes };
    }
  }

  private *accept(record: GuardRecord | Intruder): Generator<OutputLine> {
    if (record.kind !== 'intruder') {
      if (record.position < this.position) return;
      this.position = record.end;
      if (record.kind === 'end') this.isWhole = true;
    }
    if (record.kind !== 'end') yield* this.give(record.stream, record.bytes);
  }

  private *give(stream: OutputLine['stream'], bytes: Buffer): Generator<OutputLine> {
    for (const line of this.lineEnds[stream].push(bytes)) yield { stream, ...line };
  }

  /** The last of it may be a record that was just being written: that one is still to come. */
  private async *payOwed(): AsyncGenerator<OutputLine> {
    yield* this.readKept(this.owed);
    this.owed = this.position;
  }

  /** Gives what lies before a record. What nobody has kept is lost, which is said in its place. */
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

  private async *acceptKept(until: number): AsyncGenerator<OutputLine> {
    const records = new RecordReader();
    let at = this.position;
    while (this.position < until && !this.isClosed) {
      const bytes = await this.kept.read(at);
      if (bytes.length === 0) return;
      at += bytes.length;
      for (const record of records.push(bytes)) {
        if (this.position >= until) return;
        yield* this.accept(record);
      }
    }
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
