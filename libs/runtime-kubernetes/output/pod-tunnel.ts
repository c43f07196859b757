import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage } from '@crewtab/domain/errors';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { CarriedEndpoints } from '@crewtab/domain/ports/runtime';
import type { ClusterClient } from '../cluster/cluster-client';
import { PodExec } from '../cluster/pod-exec';
import { keeperOf } from '../pod/keeper';
import { KEEPER_PROGRAM, keeperView } from '../pod/pod-spec';
import { findPod, inspectAgent, type AgentHandle } from './agent-handle';
import { TunnelEnd, type CarriedSocket } from './tunnel-end';
import { FrameReader } from './tunnel-frames';

/** The tool server's, and what the agent's bridge connects to. */
export const TOOL_SOCKET = 'team.sock';
const MOST_TOOL_CONNECTIONS = 32;
/** Of one agent; those of its run are limited by the proxy. */
const MOST_NETWORK_CONNECTIONS = 128;
const AGAIN_MS = 200;
const AGAIN_MAX_MS = 5_000;
const SILENT_MS = 20_000;

/** Those of an agent that this worker answers for. Each agent has its own: so it is known who connects. */
export function carriedSockets(agent: string, { tools, network }: Partial<CarriedEndpoints> = {}): CarriedSocket[] {
  const sockets: CarriedSocket[] = [];
  if (tools)
    sockets.push({
      inPod: `${keeperView.tools(agent)}/${TOOL_SOCKET}`,
      onHost: join(tools.hostFolder, TOOL_SOCKET),
      mostConnections: MOST_TOOL_CONNECTIONS,
    });
  if (network?.kind === 'allowlist')
    sockets.push({
      inPod: `${keeperView.network(agent)}/${network.socketName}`,
      onHost: join(network.agentFolders?.[agent] ?? network.hostFolder, network.socketName),
      mostConnections: MOST_NETWORK_CONNECTIONS,
    });
  return sockets;
}

/**
 * Carries the connections to an agent's sockets from its pod to those of this machine: a server in the pod's keeper takes them, and one
 * `exec` carries all. Where the way breaks, the connections break, and those who made them connect again.
 */
export class PodTunnel {
  private isClosed = false;
  private exec: PodExec | null = null;

  constructor(
    private readonly client: ClusterClient,
    private readonly handle: AgentHandle,
    private readonly sockets: readonly CarriedSocket[],
    private readonly logger: Logger | undefined,
  ) {
    void this.keepServing();
  }

  close(): void {
    this.isClosed = true;
    this.exec?.close();
  }

  private async keepServing(): Promise<void> {
    for (let failures = 0; !this.isClosed; failures++) {
      try {
        if (await this.serveOnce(() => (failures = 0))) return;
      } catch (error) {
        const { pod, agent } = this.handle;
        this.logger?.debug({ pod, agent, error: errorMessage(error) }, 'the way from an agent to its sockets broke');
      }
      if (!this.isClosed) await delay(Math.min(AGAIN_MS * 2 ** failures, AGAIN_MAX_MS));
    }
  }

  /** @returns true where the agent has ended, and needs them no more */
  private async serveOnce(onWord: () => void): Promise<boolean> {
    const pod = await findPod(this.client, this.handle);
    if (pod === null || (await inspectAgent(this.client, this.handle)).status === 'exited') return true;
    const sockets = this.sockets.flatMap(({ inPod, mostConnections }) => [String(mostConnections), inPod]);
    const exec = await PodExec.start(this.client, keeperOf(pod), [KEEPER_PROGRAM, 'serve', ...sockets]);
    this.exec = exec;
    if (this.isClosed) exec.close();
    exec.silenceLimitMs = SILENT_MS;
    const frames = new FrameReader();
    const end = new TunnelEnd(this.sockets, (frame) => void exec.write(frame));
    try {
      for await (const chunk of exec.stdout()) {
        onWord();
        for (const frame of frames.push(chunk)) end.take(frame);
      }
    } finally {
      end.close();
      exec.close();
    }
    return false;
  }
}
