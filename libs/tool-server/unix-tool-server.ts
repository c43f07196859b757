import { createHash, randomBytes } from 'node:crypto';
import { unlinkSync } from 'node:fs';
import { chmod, mkdir, rename } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { effect } from '@crewtab/domain/failpoint';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { ToolAnswer, ToolCall, ToolServer, ToolSession } from '@crewtab/domain/ports/tool-server';
import { translated } from '@crewtab/domain/system-errors';
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

/** A unix socket's path is limited to 108 bytes on Linux (unix(7)), 104 on macOS; a little below both. */
const LONGEST_SOCKET_PATH = 100;
/** How often a session checks that the known name leads to its own socket, ms. */
const REPAIR_EVERY_MS = 500;
/** Of one agent. The bridge needs one for each session of the leader. */
const MOST_CONNECTIONS = 16;

export interface UnixToolServerOptions {
  /** Where the runs' folders are made; must be the same path for the container engine. */
  readonly rootDir: string;
  /** The bridge's JavaScript, one file without dependencies. */
  readonly bridgeSource: string;
  readonly logger: Logger;
}

/**
 * One unix socket per agent of a run, in a folder of its own that this agent's container alone sees, read-only: the folder and not the
 * socket, so that the worker that adopts a run can put a new socket in the same place. The bridge connects again and
 * repeats what was not answered. Containers of earlier versions may write to their folder, so that what lies in it may be
 * anything.
 */
export class UnixToolServer implements ToolServer {
  private readonly rootDir: string;

  constructor(private readonly options: UnixToolServerOptions) {
    this.rootDir = shortEnough(options.rootDir);
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
    const held = new HeldCalls();
    const server = createServer((socket) => {
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
    await effect('tools.socket.listen', () => listen(server, madeAt));
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
    const watch = setInterval(() => void this.repairLink(runId, socketDir, ownName), REPAIR_EVERY_MS).unref();
    return {
      endpoint: { kind: 'unix-socket', hostFolder: socketDir },
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
        clearInterval(watch);
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

  /**
   * Puts this session's link back at the known name. A worker that stood still while it opened the session, and goes on
   * after another one took the run over, replaces the link by its own, which leads nowhere once that worker is gone.
   * Until the stale worker closes its session both replace the link in turn, and the bridge repeats what got no answer.
   */
  private async repairLink(runId: string, socketDir: string, ownName: string): Promise<void> {
    try {
      if ((await targetOf(socketDir)) === ownName) return;
      await putLink(socketDir, ownName);
      this.options.logger.warn({ runId }, 'the link to the team socket led elsewhere, and is repaired');
    } catch (error) {
      // Removed at this moment, most likely: the next look finds out.
      this.options.logger.debug({ runId, error: String(error) }, 'could not repair the link to the team socket');
    }
  }
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

/** A deep checkout would make the socket's path too long: then the folder is below the machine's temporary one. */
function shortEnough(rootDir: string): string {
  if (join(rootDir, '0123456789abcdef.01234567.sock').length <= LONGEST_SOCKET_PATH) return rootDir;
  return join(tmpdir(), `crewtab-${createHash('sha256').update(rootDir).digest('hex').slice(0, 12)}`);
}
