import type { OutputLine, AgentProcess } from '@crewtab/domain/ports/runtime';
import { LineSplitter } from '@crewtab/domain/runs/agent-output';
import { type EngineClient, unreachable, toAppError, sortEngineError } from '../engine/engine-client';
import type { IncomingMessage } from 'node:http';
import { requestLog, confirmEnd, LogFrameDecoder } from '../agents/containers';

/** The output of a container as lines, read once from its beginning; see `AgentChannel.output`. */
export interface ContainerOutput {
  lines(): AsyncGenerator<OutputLine>;
  /** What became of the process, once its log has ended; null before. */
  readonly ended: AgentProcess['status'] | null;
  close(): void;
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
    private readonly longestLineBytes?: number,
  ) {}

  async *lines(): AsyncGenerator<OutputLine> {
    const lines = new LogLines(this.longestLineBytes);
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
  private readonly splitters: Readonly<Record<OutputLine['stream'], LineSplitter>>;
  private readonly seenBytes = { stdout: 0, stderr: 0 };
  private skipBytes = { stdout: 0, stderr: 0 };

  constructor(longestLineBytes?: number) {
    this.splitters = { stdout: new LineSplitter(longestLineBytes), stderr: new LineSplitter(longestLineBytes) };
  }

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
