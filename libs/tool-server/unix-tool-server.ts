import { randomBytes } from 'node:crypto';
import { unlinkSync } from 'node:fs';
import { chmod, mkdir, rename } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { effect } from '@crewtab/domain/failpoint';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { ToolAnswer, ToolCall, ToolServer, ToolSession } from '@crewtab/domain/ports/tool-server';
import { translated } from '@crewtab/domain/system-errors';
import { keepLink, listenAt, shortEnough } from '@crewtab/run-sockets/run-socket-files';
import {
  BRIDGE_NAME,
  folderName,
  putBridge,
  putLink,
  recordedRuns,
  recordRun,
  removeRunFolder,
  SOCKET_NAME,
  targetOf,
} from './session-folder';
import { HeldCalls, ToolConnection, type Answer } from './tool-socket';

const LONGEST_NAME = '0123456789abcdef.01234567.sock';
/** Of one agent. The bridge needs one for each session of the leader. */
const MOST_CONNECTIONS = 16;

export interface UnixToolServerOptions {
  /** Where the runs' folders are made; must be the same path for the container engine. */
  readonly rootDir: string;
  /** The bridge's JavaScript, one file without dependencies. */
  readonly bridgeSource: string;
  readonly logger: Logger;
}

interface Serving {
  readonly answer: Answer;
  /** What the agent holds of the worker by its calls. */
  readonly held: HeldCalls;
  readonly onClose: () => void;
}

/**
 * One unix socket per agent of a run, in a folder of its own that this agent's container alone sees, read-only: the folder and not the
 * socket, so that the worker that adopts a run can put a new socket in the same place. The bridge connects again and
 * repeats what was not answered. Containers of earlier versions may write to their folder, so that what lies in it may be
 * anything.
 */
export class UnixToolServer implements ToolServer {
  private readonly rootDir: string;
  /** By run, while any of its sessions is open. */
  private readonly held = new Map<string, { readonly calls: HeldCalls; sessions: number }>();

  constructor(private readonly options: UnixToolServerOptions) {
    this.rootDir = shortEnough(options.rootDir, LONGEST_NAME);
  }

  open(runId: string, agent: string, answer: (call: ToolCall) => Promise<ToolAnswer>, seat = 0): Promise<ToolSession> {
    const answerAs: Answer = (call) => answer({ ...call, agent });
    return translated(
      'start_failed',
      () => this.openSession(runId, agent, seat, answerAs),
      "the team's socket could not be made: ",
    );
  }

  list(): Promise<string[]> {
    return recordedRuns(this.rootDir);
  }

  async remove(runId: string): Promise<void> {
    await removeRunFolder(this.rootDir, runId);
  }

  private async openSession(runId: string, agent: string, seat: number, answer: Answer): Promise<ToolSession> {
    const ofRun = this.held.get(runId) ?? { calls: HeldCalls.ofRun(), sessions: 0 };
    this.held.set(runId, ofRun);
    ofRun.sessions += 1;
    const forget = (): void => {
      ofRun.sessions -= 1;
      if (ofRun.sessions === 0) this.held.delete(runId);
    };
    try {
      return await this.serve(runId, agent, seat, { answer, held: ofRun.calls.ofAgent(), onClose: forget });
    } catch (error) {
      forget();
      throw error;
    }
  }

  private async serve(
    runId: string,
    agent: string,
    seat: number,
    { answer, held, onClose }: Serving,
  ): Promise<ToolSession> {
    const { rootDir } = this;
    const { logger, bridgeSource } = this.options;
    const folder = folderName(runId, seat);
    const socketDir = join(rootDir, folder);
    // Agents are other users than the worker, so a run's folder is open to all; the one above is for the worker alone.
    await effect('tools.root.make', () => mkdir(rootDir, { recursive: true, mode: 0o700 }));
    await effect('tools.folder.make', () => mkdir(socketDir, { recursive: true }));
    await effect('tools.folder.open-to-agents', () => chmod(socketDir, 0o755));
    await recordRun(rootDir, runId);
    await putBridge(socketDir, bridgeSource);
    const sockets = new Set<Socket>();
    let isReached = false;
    let isClosed = false;
    const server = createServer((socket) => {
      isReached = true;
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      new ToolConnection(socket, held, answer, logger).serve();
    });
    server.maxConnections = MOST_CONNECTIONS;
    // A socket of our own, and a link at the known name: closing a session removes its socket, which must not be the
    // socket of a worker that has taken over meanwhile.
    const ownName = `${randomBytes(4)
      .toString('hex')
      .slice(0, seat === 0 ? 8 : 5)}.sock`;
    // Made beside the folder: what is given to all users must not be a link that an agent has put in its place.
    const madeAt = join(rootDir, `${folder}.${ownName}`);
    await effect('tools.socket.listen', () => listenAt(server, madeAt));
    // Such as no file descriptor for one more connection: the bridge tries again, and the worker goes on.
    server.on('error', (error) => logger.warn({ runId, error: error.message }, 'team socket'));
    try {
      await effect('tools.socket.open-to-agents', () => chmod(madeAt, 0o666));
      await effect('tools.socket.put-in-place', () => rename(madeAt, join(socketDir, ownName)));
      await putLink(socketDir, ownName);
    } catch (error) {
      server.close();
      throw error;
    }
    const endRepair = keepLink({
      runId,
      of: 'team socket',
      ownName,
      target: () => targetOf(socketDir),
      put: () => putLink(socketDir, ownName),
      logger,
    });
    return {
      endpoint: { kind: 'unix-socket', hostFolder: socketDir },
      get isReached() {
        return isReached;
      },
      serverAt: (toolsPath) => ({
        command: 'node',
        args: [join(toolsPath, BRIDGE_NAME)],
        env: {
          CREWTAB_TEAM_SOCKET: join(toolsPath, SOCKET_NAME),
          CREWTAB_AGENT: agent,
          ...(seat > 0 && { CREWTAB_TEAM_ROLE: 'worker' }),
        },
      }),
      close: () => {
        if (isClosed) return;
        isClosed = true;
        onClose();
        endRepair();
        server.close();
        for (const socket of sockets) socket.destroy();
        this.removeSocket(runId, join(socketDir, ownName));
      },
    };
  }

  /** At once, so that no bridge connects to it any more. What a crash leaves of it, or what resists, goes with the folder. */
  private removeSocket(runId: string, path: string): void {
    try {
      effect('tools.socket.remove', () => unlinkSync(path));
    } catch (error) {
      this.options.logger.debug({ runId, error: String(error) }, 'a closed team socket is left in its folder');
    }
  }
}
