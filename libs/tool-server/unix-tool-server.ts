import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { effect } from '@crewtab/domain/failpoint';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { ToolServer, ToolSession } from '@crewtab/domain/ports/tool-server';
import { translated } from '@crewtab/domain/system-errors';
import { BRIDGE_NAME, putBridge, putLink, SOCKET_NAME, targetOf } from './session-folder';
import { serve, type Answer } from './tool-socket';

/** A unix socket's path is limited to 108 bytes on Linux (unix(7)), 104 on macOS; a little below both. */
const LONGEST_SOCKET_PATH = 100;
const RUN_FILE = 'run';
/** How often a session checks that the known name leads to its own socket, ms. */
const REPAIR_EVERY_MS = 500;
/** Of one run. The bridge needs one for each session of the leader. */
const MOST_CONNECTIONS = 16;

export interface UnixToolServerOptions {
  /** Where the runs' folders are made; must be the same path for the container engine. */
  readonly rootDir: string;
  /** The bridge's JavaScript, one file without dependencies. */
  readonly bridgeSource: string;
  readonly logger: Logger;
}

/**
 * One unix socket per run, in a folder of its own which is mounted into the leader's container: the folder and not the
 * socket, so that the worker that adopts a run can put a new socket in the same place. The bridge connects again and
 * repeats what was not answered.
 */
export class UnixToolServer implements ToolServer {
  private readonly rootDir: string;

  constructor(private readonly options: UnixToolServerOptions) {
    this.rootDir = shortEnough(options.rootDir);
  }

  open(runId: string, answer: Answer): Promise<ToolSession> {
    return translated('start_failed', () => this.openSession(runId, answer), "the team's socket could not be made: ");
  }

  async list(): Promise<string[]> {
    const folders = await readdir(this.rootDir).catch(noneIfAbsent);
    const runIds = await Promise.all(
      folders.map((folder) => readFile(join(this.rootDir, folder, RUN_FILE), 'utf8').catch(() => null)),
    );
    return runIds.filter((runId) => runId !== null);
  }

  async remove(runId: string): Promise<void> {
    await effect('tools.folder.remove', () => rm(this.folderOf(runId), { recursive: true, force: true }));
  }

  private async openSession(runId: string, answer: Answer): Promise<ToolSession> {
    const socketDir = this.folderOf(runId);
    // Agents are other users than the worker, so a run's folder is open to all; the one above is for the worker alone.
    await effect('tools.root.make', () => mkdir(this.rootDir, { recursive: true, mode: 0o700 }));
    await effect('tools.folder.make', () => mkdir(socketDir, { recursive: true }));
    await effect('tools.folder.open-to-agents', () => chmod(socketDir, 0o755));
    await effect('tools.run-file.write', () => writeFile(join(socketDir, RUN_FILE), runId));
    await putBridge(socketDir, this.options.bridgeSource);
    // A socket of our own, and a link at the known name: closing a server unlinks its path, which must not be the path
    // of a worker that has taken over meanwhile.
    const ownName = `${randomBytes(4).toString('hex')}.sock`;
    const socketPath = join(socketDir, ownName);
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      serve(socket, answer, this.options.logger);
    });
    server.maxConnections = MOST_CONNECTIONS;
    await effect('tools.socket.listen', () => listen(server, socketPath));
    // Such as no file descriptor for one more connection: the bridge tries again, and the worker goes on.
    server.on('error', (error) => this.options.logger.warn({ runId, error: error.message }, 'team socket'));
    try {
      await effect('tools.socket.open-to-agents', () => chmod(socketPath, 0o666));
      await putLink(socketDir, ownName);
    } catch (error) {
      server.close();
      throw error;
    }
    const watch = setInterval(() => void this.repairLink(runId, socketDir, ownName), REPAIR_EVERY_MS).unref();
    return {
      endpoint: { kind: 'unix-socket', hostFolder: socketDir },
      serverFor: (agent, toolsPath) => ({
        command: 'node',
        args: [join(toolsPath, BRIDGE_NAME)],
        env: { CREWTAB_TEAM_SOCKET: join(toolsPath, SOCKET_NAME), CREWTAB_AGENT: agent },
      }),
      close: () => {
        clearInterval(watch);
        server.close();
        for (const socket of sockets) socket.destroy();
      },
    };
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

  private folderOf(runId: string): string {
    return join(this.rootDir, runId.replaceAll('-', '').slice(-16));
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
  if (join(rootDir, '0123456789abcdef', '01234567.sock').length <= LONGEST_SOCKET_PATH) return rootDir;
  return join(tmpdir(), `crewtab-${createHash('sha256').update(rootDir).digest('hex').slice(0, 12)}`);
}

function noneIfAbsent(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
