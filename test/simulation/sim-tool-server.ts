import type { ToolAnswer, ToolCall, ToolServer, ToolSession } from '@crewtab/domain/ports/tool-server';
import type { SimProcess } from './sim-process';

interface OpenSession {
  readonly process: SimProcess;
  readonly answer: (call: ToolCall) => Promise<ToolAnswer>;
  /** Breaks the connections of the calls under way. */
  readonly breaks: Set<() => void>;
}

/** The socket folders of one host. They outlive workers; the listeners in them do not. */
export class SimToolServer {
  /**
   * By run, as they were opened. The last one is reached: a session that is open wants the link of the folder for itself,
   * so that an earlier one is reached again once those after it are closed. A connection stays with whom it was made to.
   */
  private readonly sessions = new Map<string, OpenSession[]>();
  readonly folders = new Set<string>();

  /** The tool server as one worker has it. */
  for(process: SimProcess): ToolServer {
    process.whenGone(() => {
      for (const [runId, sessions] of this.sessions)
        for (const toolSession of sessions.filter((one) => one.process === process)) this.close(runId, toolSession);
    });
    return {
      open: (runId, agent, answer) =>
        process.call('toolServer', 'open', () =>
          byItself(process, () => this.open(runId, agent, process, (call) => answer({ ...call, agent }))),
        ),
      list: () => process.call('toolServer', 'list', () => byItself(process, () => [...this.folders])),
      remove: (runId) =>
        process.call('toolServer', 'remove', () => byItself(process, () => void this.folders.delete(runId))),
    };
  }

  /** One try of a call from inside a container: exactly one of the callbacks is called, once. */
  call(runId: string, call: ToolCall, answered: (answer: ToolAnswer) => void, broken: () => void): void {
    const toolSession = this.sessions.get(runId)?.at(-1);
    if (!toolSession) return broken();
    let isOver = false;
    const end = (tell: () => void): void => {
      if (isOver) return;
      isOver = true;
      toolSession.breaks.delete(breakOff);
      tell();
    };
    const breakOff = (): void => end(broken);
    toolSession.breaks.add(breakOff);
    toolSession.process.enter(() => {
      toolSession.answer(call).then(
        (answer) => end(() => answered(answer)),
        () => end(broken),
      );
    });
  }

  private open(runId: string, agent: string, process: SimProcess, answer: OpenSession['answer']): ToolSession {
    const toolSession: OpenSession = { process, answer, breaks: new Set() };
    this.sessions.set(runId, [...(this.sessions.get(runId) ?? []), toolSession]);
    this.folders.add(runId);
    return {
      endpoint: { kind: 'unix-socket', hostFolder: `/sockets/${runId}` },
      serverAt: () => ({ command: 'bridge', args: [], env: { CREWTAB_AGENT: agent } }),
      close: () => {
        if (process.state !== 'gone') this.close(runId, toolSession);
      },
    };
  }

  private close(runId: string, toolSession: OpenSession): void {
    const others = (this.sessions.get(runId) ?? []).filter((one) => one !== toolSession);
    if (others.length > 0) this.sessions.set(runId, others);
    else this.sessions.delete(runId);
    for (const breakOff of [...toolSession.breaks]) breakOff();
  }
}

/** Nothing of it is on its way anywhere: a process that died does it no more, one that stands still does it later. */
function byItself<T>(process: SimProcess, work: () => T): Promise<T> {
  return new Promise((resolve) => process.enter(() => resolve(work())));
}
