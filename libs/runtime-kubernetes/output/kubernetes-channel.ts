import { AppError } from '@crewtab/domain/errors';
import type { AgentChannel, OutputLine } from '@crewtab/domain/ports/runtime';
import type { ClusterClient } from '../cluster/cluster-client';
import type { AgentHandle } from './agent-handle';
import { AgentInput } from './agent-input';
import { AgentOutput } from './agent-output';

/** One reader and writer of an agent. Nothing is connected before the first line is asked for, or the first one written. */
export class KubernetesChannel implements AgentChannel {
  readonly output: AsyncIterable<OutputLine>;
  private readonly said: AgentOutput;
  private readonly input: AgentInput;
  private isRead = false;

  constructor(
    client: ClusterClient,
    handle: AgentHandle,
    longestLineBytes: number | undefined,
    private readonly onClose: (channel: AgentChannel) => void,
  ) {
    this.said = new AgentOutput(client, handle, longestLineBytes);
    this.input = new AgentInput(client, handle, () => this.refusal());
    this.output = { [Symbol.asyncIterator]: () => this.read() };
  }

  write(data: string): Promise<void> {
    return this.input.write(data);
  }

  endInput(): Promise<void> {
    return this.input.end();
  }

  close(): void {
    this.input.close();
    this.said.close();
    this.onClose(this);
  }

  private refusal(): AppError | null {
    switch (this.said.ended) {
      case null:
        return null;
      case 'absent':
        return new AppError('agent_vanished', 'the cluster does not know the pod of this agent');
      case 'exited':
        return new AppError('agent_exited', 'the agent has ended');
    }
  }

  private async *read(): AsyncGenerator<OutputLine> {
    if (this.isRead) throw new Error('the output of a channel is read once: open another channel');
    this.isRead = true;
    yield* this.said.lines();
  }
}
