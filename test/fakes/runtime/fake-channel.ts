import { AppError } from '@crewtab/domain/errors';
import type { AgentChannel, OutputLine } from '@crewtab/domain/ports/runtime';
import { LONGEST_LINE_BYTES } from '@crewtab/domain/runs/output-limits';
import type { FakeAgent } from './fake-agent';
import { withFault, type Fault } from './faults';

export interface FakeChannelHooks {
  readonly takeFault: (operation: 'write' | 'endInput') => Fault | null;
  readonly onClose: (channel: FakeChannel) => void;
}

/** A reader and writer of a fake agent. `agent` is null where the engine does not know the handle. */
export class FakeChannel implements AgentChannel {
  readonly output: AsyncIterable<OutputLine>;
  private isClosed = false;
  private isBroken = false;
  private hasWritten = false;
  private wake: (() => void) | null = null;

  constructor(
    private readonly agent: FakeAgent | null,
    private readonly hooks: FakeChannelHooks,
    private readonly longestLineBytes = LONGEST_LINE_BYTES,
  ) {
    this.output = { [Symbol.asyncIterator]: () => this.read() };
  }

  write(data: string): Promise<void> {
    return withFault(this.hooks.takeFault('write'), null, () => {
      this.requireAgent().receive(data);
      this.hasWritten = true;
    });
  }

  endInput(): Promise<void> {
    return withFault(this.hooks.takeFault('endInput'), null, () => this.requireAgent().endInput());
  }

  /** Like the engine, ends the input of a `once` agent whose attached writer goes away. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (this.hasWritten) this.agent?.endInput();
    this.hooks.onClose(this);
    this.wake?.();
  }

  /** The connection is cut: the reader is told, what was written stays written. */
  breakConnection(): void {
    this.isBroken = true;
    this.wake?.();
  }

  private requireAgent(): FakeAgent {
    if (!this.agent) throw new AppError('agent_vanished', 'the engine does not know this container');
    if (this.isClosed) throw new AppError('engine_error', 'the channel is closed');
    if (this.isBroken) throw brokenConnection();
    return this.agent;
  }

  private async *read(): AsyncGenerator<OutputLine> {
    const { agent } = this;
    if (!agent) return;
    const stopListening = agent.onChange(() => this.wake?.());
    try {
      for (let next = 0; !this.isClosed;) {
        if (this.isBroken) throw brokenConnection();
        const line = agent.lines[next];
        if (line) {
          next++;
          const { stream, index, text } = line;
          yield Buffer.byteLength(text) > this.longestLineBytes ? { stream, index, text: '', isTooLong: true } : line;
        } else if (agent.isRunning) {
          await new Promise<void>((resolve) => (this.wake = resolve));
        } else {
          return;
        }
      }
    } finally {
      stopListening();
    }
  }
}

function brokenConnection(): AppError {
  return new AppError('engine_unreachable', 'the connection to the engine broke', { retryable: true });
}
