import type { IncomingMessage } from 'node:http';
import { AppError } from '@crewtab/domain/errors';
import type { AgentChannel, AgentProcess, OutputLine } from '@crewtab/domain/ports/runtime';
import { inspectProcess } from './container-state';
import type { EngineClient } from './engine-client';
import { isRefusal, sortEngineError, toAppError, unreachable } from './engine-errors';
import { answeredAt, leaveTrace } from './engine-memory';
import { LogLines } from './log-lines';
import { StdinWriter } from './stdin-writer';

/** Between the end of a log and the engine's word that the process has ended may lie a moment; ms between looks. */
const END_LOOKS_MS = [0, 10, 30, 100, 300, 600];

/**
 * Opens a container: its log from the beginning, its stdin when something is written. A container that the engine
 * does not know has no output and takes no input.
 */
export async function openChannel(
  engine: EngineClient,
  handle: string,
  onClose: (channel: AgentChannel) => void,
): Promise<AgentChannel> {
  const log = await requestLog(engine, handle);
  if (log) await traced(engine, handle, log);
  return new DockerChannel(engine, handle, log, onClose);
}

async function traced(engine: EngineClient, handle: string, log: IncomingMessage): Promise<void> {
  try {
    await leaveTrace(engine, handle, answeredAt(log));
  } catch (error) {
    log.destroy();
    throw error;
  }
}

/** The log from its beginning: to the end of the process, or as it is where that has ended. Null without a container. */
async function requestLog(engine: EngineClient, handle: string): Promise<IncomingMessage | null> {
  try {
    const log = await engine.read(`follow the log of ${handle}`, async (abortSignal) => {
      const options = { follow: true, stdout: true, stderr: true, abortSignal } as const;
      return (await engine.docker.getContainer(handle).logs(options)) as unknown as IncomingMessage;
    });
    // Errors reach the reader through its iterator; without a reader nobody needs to know.
    log.on('error', () => undefined);
    return log;
  } catch (error) {
    // 409: being removed.
    if (isRefusal(error, 404, 409)) return null;
    throw toAppError(error);
  }
}

class DockerChannel implements AgentChannel {
  readonly output: AsyncIterable<OutputLine>;
  private readonly stdin: StdinWriter;
  private isClosed = false;
  private isRead = false;
  private ended: AgentProcess['status'] | null = null;
  private rest: IncomingMessage | null = null;

  constructor(
    private readonly engine: EngineClient,
    private readonly handle: string,
    private readonly log: IncomingMessage | null,
    private readonly onClose: (channel: AgentChannel) => void,
  ) {
    if (!log) this.ended = 'absent';
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
    this.isClosed = true;
    this.stdin.close();
    this.log?.destroy();
    this.rest?.destroy();
    this.onClose(this);
  }

  private refusal(): AppError | null {
    if (this.ended === null) return null;
    const code = this.ended === 'absent' ? 'agent_vanished' : 'agent_exited';
    return new AppError(
      code,
      this.ended === 'absent' ? 'the engine does not know this container' : 'the agent has ended',
    );
  }

  private async *read(): AsyncGenerator<OutputLine> {
    if (this.isRead) throw new Error('the output of a channel is read once: open another channel');
    this.isRead = true;
    if (!this.log) return;
    const lines = new LogLines();
    yield* this.follow(this.log, lines);
    if (this.isClosed) return;
    this.ended = await this.confirmEnd();
    if (this.ended === 'exited') yield* this.catchUp(lines);
    if (!this.isClosed) yield* lines.end();
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

  /** A log that ends is not yet a process that ended: an engine that restarts ends its logs as well. */
  private async confirmEnd(): Promise<'exited' | 'absent'> {
    for (const waitMs of END_LOOKS_MS) {
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      const { status } = await inspectProcess(this.engine, this.handle);
      if (status === 'exited' || status === 'absent') return status;
    }
    throw unreachable('follow the log', 'it ended though the agent still runs');
  }
}
