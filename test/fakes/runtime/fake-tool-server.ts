import type { ToolAnswer, ToolCall, ToolServer, ToolSession } from '@crewtab/domain/ports/tool-server';

/** The tool server without sockets: a test calls a run's tools by `call`. */
export class FakeToolServer implements ToolServer {
  private readonly sessions = new Map<string, (call: ToolCall) => Promise<ToolAnswer>>();
  private readonly made = new Set<string>();

  open(runId: string, agent: string, given: (call: ToolCall) => Promise<ToolAnswer>): Promise<ToolSession> {
    const answer = (call: ToolCall): Promise<ToolAnswer> => given({ ...call, agent });
    this.sessions.set(runId, answer);
    this.made.add(runId);
    return Promise.resolve({
      endpoint: { kind: 'unix-socket', hostFolder: `/sockets/${runId}` },
      serverAt: () => ({ command: 'bridge', args: [], env: { CREWTAB_AGENT: agent } }),
      close: () => {
        if (this.sessions.get(runId) === answer) this.sessions.delete(runId);
      },
    });
  }

  list(): Promise<string[]> {
    return Promise.resolve([...this.made]);
  }

  remove(runId: string): Promise<void> {
    this.made.delete(runId);
    return Promise.resolve();
  }

  /** Rejects when no worker listens, as a bridge's connection would. */
  async call(runId: string, call: ToolCall): Promise<ToolAnswer> {
    const answer = this.sessions.get(runId);
    if (!answer) throw new Error('no worker listens');
    return answer(call);
  }
}
