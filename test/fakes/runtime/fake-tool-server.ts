import type { ToolAnswer, ToolCall, ToolServer, ToolSession } from '@crewtab/domain/ports/tool-server';

/** The tool server without sockets: a test calls a run's tools by `call`. */
export class FakeToolServer implements ToolServer {
  private readonly sessions = new Map<string, (call: ToolCall) => Promise<ToolAnswer>>();
  private readonly made = new Set<string>();
  /** Runs whose agents have started their tools. */
  readonly reached = new Set<string>();

  open(runId: string, agent: string, given: (call: ToolCall) => Promise<ToolAnswer>): Promise<ToolSession> {
    const answer = (call: ToolCall): Promise<ToolAnswer> => given({ ...call, agent });
    const key = `${runId}/${agent}`;
    this.sessions.set(key, answer);
    this.made.add(runId);
    const { reached } = this;
    return Promise.resolve({
      endpoint: { kind: 'unix-socket', hostFolder: `/sockets/${key}` },
      get isReached() {
        return reached.has(runId);
      },
      serverAt: () => ({ command: 'bridge', args: [], env: { CREWTAB_AGENT: agent } }),
      close: () => {
        if (this.sessions.get(key) === answer) this.sessions.delete(key);
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

  /** By the agent of the call. Rejects when no worker listens, as a bridge's connection would. */
  async call(runId: string, call: ToolCall): Promise<ToolAnswer> {
    const answer = this.sessions.get(`${runId}/${call.agent}`);
    if (!answer) throw new Error('no worker listens');
    this.reached.add(runId);
    return answer(call);
  }
}
