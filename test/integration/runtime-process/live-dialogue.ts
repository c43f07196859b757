import type {
  AgentProtocol,
  DialogueOptions,
  Outgoing,
  ProtocolSession,
  TurnState,
} from '@crewtab/domain/ports/agent-protocol';
import type { AgentChannel, Runtime } from '@crewtab/domain/ports/runtime';
import type { DraftMessage } from '@crewtab/domain/runs/message';
import { within } from '../../contracts/runtime/line-reader';

const PATIENCE_MS = 30_000;

/** A protocol's session on a real channel, as simple as an engine can be. */
export class LiveDialogue {
  readonly messages: DraftMessage[] = [];
  readonly session: ProtocolSession;

  constructor(
    private readonly runtime: Runtime,
    private readonly handle: string,
    private readonly channel: AgentChannel,
    protocol: AgentProtocol,
    options: DialogueOptions,
  ) {
    this.session = protocol.begin(options);
  }

  async write(outgoing: readonly Outgoing[]): Promise<void> {
    for (const { data, endInput } of outgoing) {
      await this.channel.write(data);
      if (endInput) await this.channel.endInput();
    }
  }

  /** Reads, and answers unless `isUnresponsive`, until `isDone` holds or the agent has ended. */
  async until(isDone: (dialogue: LiveDialogue) => boolean, isUnresponsive = false): Promise<void> {
    const read = async (): Promise<void> => {
      if (isDone(this)) return;
      for await (const line of this.channel.output) {
        const { messages, outgoing } = this.session.receive(line, new Date());
        this.messages.push(...messages);
        if (!isUnresponsive) await this.write(outgoing);
        if (isDone(this)) return;
      }
      const end = await this.runtime.inspect(this.handle);
      if (end.status !== 'exited') throw new Error(`the output ended, but the agent is ${end.status}`);
      this.session.exited(end, new Date());
    };
    await within(PATIENCE_MS, 'the dialogue', read());
  }

  async turn(id: string, text: string): Promise<TurnState | undefined> {
    await this.write(this.session.startTurn({ id, text }));
    return this.endOf(id);
  }

  async endOf(id: string): Promise<TurnState | undefined> {
    await this.until(({ session }) => session.state.turns.get(id)?.status !== 'open');
    return this.session.state.turns.get(id);
  }

  textOf(kind: DraftMessage['kind']): string {
    return this.messages
      .flatMap((message) => (message.kind === kind ? [String(message.content['text'])] : []))
      .join('');
  }

  close(): void {
    this.channel.close();
  }
}
