import { RequestError } from '@agentclientprotocol/sdk';
import type { AgentContext, RequestPermissionOutcome, SessionUpdate } from '@agentclientprotocol/sdk';
import type { PlanEntry, ToolChange, ToolStart, TurnOutput } from './turn';

let permissionCount = 0;

/** A turn's output as ACP session updates. After `close` nothing more is sent: what comes late belongs to no turn. */
export class AcpOutput implements TurnOutput {
  private isClosed = false;

  constructor(
    private readonly client: AgentContext,
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
    const update = { sessionUpdate: 'tool_call_update', toolCallId, status } as const;
    if (text === undefined) return this.update(update);
    return this.update({ ...update, content: [{ type: 'content', content: { type: 'text', text } }] });
  }

  async askPermission(question: string): Promise<string> {
    const outcome = await this.requestPermission(question);
    if (outcome === null) return 'answered with an error';
    if (outcome.outcome === 'cancelled') return 'cancelled';
    return outcome.optionId === 'allow' ? 'allowed' : 'denied';
  }

  /** Null: the client answered with an error. */
  private async requestPermission(question: string): Promise<RequestPermissionOutcome | null> {
    try {
      const { outcome } = await this.client.request('session/request_permission', {
        sessionId: this.sessionId,
        toolCall: {
          toolCallId: `permission-tool-${++permissionCount}`,
          title: question,
          kind: 'execute',
          status: 'pending',
        },
        options: [
          { optionId: 'allow', name: 'Allow', kind: 'allow_once' },
          { optionId: 'reject', name: 'Reject', kind: 'reject_once' },
        ],
      });
      return outcome;
    } catch (error) {
      if (error instanceof RequestError) return null;
      throw error;
    }
  }

  private async update(update: SessionUpdate): Promise<void> {
    if (!this.isClosed) await this.client.notify('session/update', { sessionId: this.sessionId, update });
  }
}
