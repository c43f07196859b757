import type { ToolAnswer, ToolCall, ToolServer, ToolSession } from '@crewtab/domain/ports/tool-server';
import type { SimProcess } from './sim-process';
import { byItself, SimRunSockets } from './sim-run-sockets';

type Answer = (call: ToolCall) => Promise<ToolAnswer>;

/** The team tools of one host, as its workers serve them and its agents call them. */
export class SimToolServer {
  private readonly sockets = new SimRunSockets<Answer>();

  get folders(): ReadonlySet<string> {
    return this.sockets.folders;
  }

  /** The tool server as one worker has it. */
  for(process: SimProcess): ToolServer {
    const { sockets } = this;
    sockets.watch(process);
    const open = (runId: string, agent: string, answer: Answer): ToolSession => {
      let isReached = false;
      const serve: Answer = (call) => {
        isReached = true;
        return answer({ ...call, agent });
      };
      const close = sockets.open(runId, process, serve, agent);
      return {
        endpoint: { kind: 'unix-socket', hostFolder: `/sockets/${runId}/${agent}` },
        get isReached() {
          return isReached;
        },
        serverAt: () => ({ command: 'bridge', args: [], env: { CREWTAB_AGENT: agent } }),
        close,
      };
    };
    return {
      open: (runId, agent, answer) =>
        process.call('toolServer', 'open', () => byItself(process, () => open(runId, agent, answer))),
      list: () => process.call('toolServer', 'list', () => byItself(process, () => [...sockets.folders])),
      remove: (runId) =>
        process.call('toolServer', 'remove', () => byItself(process, () => void sockets.folders.delete(runId))),
    };
  }

  /** One try of a call from inside a container: exactly one of the callbacks is called, once. */
  call(runId: string, call: ToolCall, answered: (answer: ToolAnswer) => void, broken: () => void): void {
    const server = this.sockets.reached(runId, call.agent);
    if (!server) return broken();
    let isOver = false;
    const end = (tell: () => void): void => {
      if (isOver) return;
      isOver = true;
      server.breaks.delete(breakOff);
      tell();
    };
    const breakOff = (): void => end(broken);
    server.breaks.add(breakOff);
    server.process.enter(() => {
      server.serve(call).then(
        (answer) => end(() => answered(answer)),
        () => end(broken),
      );
    });
  }
}
