import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage } from '@crewtab/domain/errors';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { ClusterClient } from '../cluster/cluster-client';
import { PodExec } from '../cluster/pod-exec';
import { keeperOf } from '../pod/keeper';
import { KEEPER_PROGRAM, keeperView } from '../pod/pod-spec';
import { findPod, inspectAgent, type AgentHandle } from './agent-handle';

/** The tool server's, and what the agent's bridge connects to. */
export const TOOL_SOCKET = 'team.sock';
const AGAIN_MS = 200;
const AGAIN_MAX_MS = 5_000;
const SILENT_MS = 20_000;
/** The keeper takes no longer ones. */
const MOST_PAYLOAD = 64 * 1024;
const HEAD_BYTES = 9;

/**
 * Carries the connections of an agent's tools from its pod to the tool server's socket on this machine: a server in the pod's keeper takes
 * them. Where the way breaks, the bridge in the agent's container connects again and repeats what was not answered.
 */
export class ToolTunnel {
  private isClosed = false;
  private exec: PodExec | null = null;
  private readonly sockets = new Map<number, Socket>();

  /** @param hostFolder with the tool server's socket in it */
  constructor(
    private readonly client: ClusterClient,
    private readonly handle: AgentHandle,
    private readonly hostFolder: string,
    private readonly logger: Logger | undefined,
  ) {
    void this.keepServing();
  }

  close(): void {
    this.isClosed = true;
    this.exec?.close();
    this.dropAll();
  }

  private async keepServing(): Promise<void> {
    for (let failures = 0; !this.isClosed; failures++) {
      try {
        if (await this.serveOnce(() => (failures = 0))) return;
      } catch (error) {
        this.logger?.debug(
          { pod: this.handle.pod, error: errorMessage(error) },
          'the way to the tools of a team broke',
        );
      }
      this.dropAll();
      if (!this.isClosed) await delay(Math.min(AGAIN_MS * 2 ** failures, AGAIN_MAX_MS));
    }
  }

  /** @returns true where the agent has ended, and needs its tools no more */
  private async serveOnce(onWord: () => void): Promise<boolean> {
    const pod = await findPod(this.client, this.handle);
    if (pod === null || (await inspectAgent(this.client, this.handle)).status === 'exited') return true;
    const act = [KEEPER_PROGRAM, 'serve', `${keeperView.tools(this.handle.agent)}/${TOOL_SOCKET}`];
    const exec = await PodExec.start(this.client, keeperOf(pod), act);
    this.exec = exec;
    if (this.isClosed) exec.close();
    exec.silenceLimitMs = SILENT_MS;
    const frames = new FrameReader();
    for await (const chunk of exec.stdout()) {
      onWord();
      for (const frame of frames.push(chunk)) this.take(exec, frame);
    }
    return false;
  }

  private take(exec: PodExec, { kind, id, payload }: Frame): void {
    switch (kind) {
      case 'o':
        this.open(exec, id);
        return;
      case 'd':
        this.sockets.get(id)?.write(payload);
        return;
      case 'c':
        this.sockets.get(id)?.end();
        this.sockets.delete(id);
    }
  }

  private open(exec: PodExec, id: number): void {
    const socket = createConnection(join(this.hostFolder, TOOL_SOCKET));
    this.sockets.set(id, socket);
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes: Buffer) => {
      // One piece at a time: an agent that does not read its answers is not read for.
      socket.pause();
      void sendAll(exec, id, bytes).then(() => socket.resume());
    });
    socket.on('close', () => {
      if (this.sockets.get(id) !== socket) return;
      this.sockets.delete(id);
      void exec.write(frameOf('c', id, Buffer.alloc(0)));
    });
  }

  private dropAll(): void {
    for (const socket of this.sockets.values()) socket.destroy();
    this.sockets.clear();
  }
}

async function sendAll(exec: PodExec, id: number, bytes: Buffer): Promise<void> {
  for (let from = 0; from < bytes.length; from += MOST_PAYLOAD)
    await exec.write(frameOf('d', id, bytes.subarray(from, from + MOST_PAYLOAD)));
}

export interface Frame {
  /** Opened, data, closed. */
  readonly kind: 'o' | 'd' | 'c';
  readonly id: number;
  readonly payload: Buffer;
}

export function frameOf(kind: Frame['kind'], id: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.write(kind, 0, 'latin1');
  head.writeUInt32BE(id, 1);
  head.writeUInt32BE(payload.length, 5);
  return Buffer.concat([head, payload]);
}

/** Takes frames apart, which may come in pieces: images/guard/keeper-serve.h has the format. */
export class FrameReader {
  private pending = Buffer.alloc(0);

  *push(bytes: Buffer): Generator<Frame> {
    this.pending = Buffer.concat([this.pending, bytes]);
    while (this.pending.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + this.pending.readUInt32BE(5);
      if (this.pending.length < end) return;
      const kind = this.pending.toString('latin1', 0, 1) as Frame['kind'];
      yield { kind, id: this.pending.readUInt32BE(1), payload: this.pending.subarray(HEAD_BYTES, end) };
      this.pending = this.pending.subarray(end);
    }
  }
}
