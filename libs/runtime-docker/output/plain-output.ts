import type { IncomingMessage } from 'node:http';
import type { AgentProcess, OutputLine } from '@crewtab/domain/ports/runtime';
import { confirmEnd, requestLog, type ContainerOutput } from './container-log';
import type { EngineClient } from '../engine/engine-client';
import { sortEngineError, toAppError, unreachable } from '../engine/engine-errors';
import { LogLines } from './log-frames';

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
