import type { JsonRpcPeer } from './json-rpc';
import type { LineWriter } from './lines';
import type { PlanEntry, ToolChange, ToolStart, TurnOutput } from './turn';

let permissionCount = 0;

/** A turn's output as ACP session updates. After `close` nothing more is sent: what comes late belongs to no turn. */
export class AcpOutput implements TurnOutput {
  private isClosed = false;

  constructor(
    private readonly peer: JsonRpcPeer,
    private readonly writer: LineWriter,
    private readonly sessionId: string,
  ) {}

  close(): void {
    this.isClosed = true;
  }

  text(text: string): Promise<void> {
    return this.update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } });
  }

  thought(text: string): Promise<void> {
    return this.update({ sessionUpdate: 'agent_thought_chunk', content: { type: 'text', text } });
  }

  plan(entries: readonly PlanEntry[]): Promise<void> {
    return this.update({ sessionUpdate: 'plan', entries: entries.map((entry) => ({ ...entry, priority: 'medium' })) });
  }

  toolStart(toolCallId: string, { title, kind, input }: ToolStart): Promise<void> {
    const rawInput = input ? { rawInput: input } : {};
    return this.update({ sessionUpdate: 'tool_call', toolCallId, title, kind, status: 'pending', ...rawInput });
  }

  toolChange(toolCallId: string, { status, text }: ToolChange): Promise<void> {
    const content = text === undefined ? {} : { content: [{ type: 'content', content: { type: 'text', text } }] };
    return this.update({ sessionUpdate: 'tool_call_update', toolCallId, status, ...content });
  }

  unknownUpdate(): Promise<void> {
    return this.update({ sessionUpdate: 'demo_weather', forecast: 'sunny', degrees: 21 });
  }

  raw(line: string): Promise<void> {
    return this.writer.write(`${line}\n`);
  }

  async askPermission(question: string): Promise<string> {
    const answer = await this.peer.request(`permission-${++permissionCount}`, 'session/request_permission', {
      sessionId: this.sessionId,
      toolCall: {
        toolCallId: `permission-tool-${permissionCount}`,
        title: question,
        kind: 'execute',
        status: 'pending',
      },
      options: [
        { optionId: 'allow', name: 'Allow', kind: 'allow_once' },
        { optionId: 'reject', name: 'Reject', kind: 'reject_once' },
      ],
    });
    const { outcome } = (answer ?? {}) as { outcome?: { outcome?: unknown; optionId?: unknown } };
    if (outcome?.outcome !== 'selected')
      return outcome?.outcome === 'cancelled' ? 'cancelled' : 'answered with an error';
    return outcome.optionId === 'allow' ? 'allowed' : 'denied';
  }

  private async update(update: object): Promise<void> {
    if (!this.isClosed) await this.peer.notify('session/update', { sessionId: this.sessionId, update });
  }
}
