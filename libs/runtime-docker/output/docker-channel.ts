import type { IncomingMessage } from 'node:http';
import { AppError } from '@crewtab/domain/errors';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { AgentChannel, OutputLine, AgentProcess } from '@crewtab/domain/ports/runtime';
import { requestLog, type ContainerOutput, confirmEnd } from './kept-output';
import { inspectContainer } from '../agents/container-state';
import { type EngineClient, sortEngineError, toAppError, unreachable } from '../engine/engine-client';
import { answeredAt, leaveTrace } from '../engine/engine-memory';
import { isGuarded } from '../agents/container-spec';
import { GuardedOutput, LogLines } from './guarded-output';
import { StdinWriter } from './stdin-writer';

/**
 * Opens a container: its log from the beginning, its stdin when something is written. A container that the engine
 * does not know has no output and takes no input.
 */
export async function openChannel(
  engine: EngineClient,
  handle: string,
  { onClose, logger }: ChannelOptions,
): Promise<AgentChannel> {
  const found = await inspectContainer(engine, handle);
  const log = found && (await requestLog(engine, handle));
  const said = log && (await outputOf(engine, handle, log, isGuarded(found), logger));
  return new DockerChannel(engine, handle, said, onClose);
}

export interface ChannelOptions {
  readonly onClose: (channel: AgentChannel) => void;
  readonly logger?: Logger;
}

async function outputOf(
  engine: EngineClient,
  handle: string,
  log: IncomingMessage,
  isKept: boolean,
  logger?: Logger,
): Promise<ContainerOutput> {
  try {
    if (isKept) return await GuardedOutput.open(engine, handle, log, logger);
    await leaveTrace(engine, handle, answeredAt(log));
    return new PlainOutput(engine, handle, log);
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
