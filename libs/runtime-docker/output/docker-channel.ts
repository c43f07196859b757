import type { IncomingMessage } from 'node:http';
import { AppError } from '@crewtab/domain/errors';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { AgentChannel, OutputLine } from '@crewtab/domain/ports/runtime';
import { requestLog, type ContainerOutput } from './container-log';
import { inspectContainer } from '../agents/container-state';
import type { EngineClient } from '../engine/engine-client';
import { answeredAt, leaveTrace } from '../engine/engine-memory';
import { isGuarded } from '../agents/guard';
import { GuardedOutput } from './guarded-output';
import { PlainOutput } from './plain-output';
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
