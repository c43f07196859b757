import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { effect } from '@crewtab/domain/failpoint';
import type { Logger } from '@crewtab/domain/ports/logger';

/** By which the containers of a run know the socket, in the folder that they see. */
export const PROXY_SOCKET = 'proxy.sock';
/** A unix socket's path is limited to 108 bytes on Linux (unix(7)), 104 on macOS; a little below both. */
const LONGEST_SOCKET_PATH = 100;
/** How often a server checks that the known name leads to its own socket, ms. */
const REPAIR_EVERY_MS = 500;
const RUN_FOLDER = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/;

/**
 * One folder per run, named after it, with nothing in it but sockets: containers see the folder, read-only, and the worker
 * reads nothing back from it. Each server has a socket of its own, and the known name is a link to the newest: closing a
 * server unlinks its path, which must not be the path of a worker that has taken over meanwhile.
 */
export class RunSockets {
  private readonly rootDir: string;

  constructor(
    rootDir: string,
    private readonly logger: Logger,
  ) {
    this.rootDir = shortEnough(rootDir);
  }

  folderOf(runId: string): string {
    return join(this.rootDir, runId.replaceAll('-', ''));
  }

  async list(): Promise<string[]> {
    const folders = await readdir(this.rootDir).catch(noneIfAbsent);
    return folders.flatMap((folder) => RUN_FOLDER.exec(folder)?.slice(1).join('-') ?? []);
  }

  async remove(runId: string): Promise<void> {
    await effect('egress.folder.remove', () => rm(this.folderOf(runId), { recursive: true, force: true }));
  }

  /**
   * Lets a server listen at the run's known name.
   * @returns ends the repair of the link; the server is the caller's to close
   */
  async listen(runId: string, listenAt: (path: string) => Promise<void>): Promise<() => void> {
    const folder = this.folderOf(runId);
    // Agents are other users than the worker, so a run's folder is open to all; the one above is for the worker alone.
    await effect('egress.root.make', () => mkdir(this.rootDir, { recursive: true, mode: 0o700 }));
    await effect('egress.folder.make', () => mkdir(folder, { recursive: true }));
    await effect('egress.folder.open-to-agents', () => chmod(folder, 0o755));
    const ownName = `${randomBytes(4).toString('hex')}.sock`;
    await effect('egress.socket.listen', () => listenAt(join(folder, ownName)));
    await effect('egress.socket.open-to-agents', () => chmod(join(folder, ownName), 0o666));
    await putLink(folder, ownName);
    const watch = setInterval(() => void this.repairLink(runId, folder, ownName), REPAIR_EVERY_MS).unref();
    return () => clearInterval(watch);
  }

  /**
   * Puts this server's link back. A worker that stood still while it opened the run's socket, and goes on after another
   * one took the run over, replaces the link by its own, which leads nowhere once that worker is gone.
   */
  private async repairLink(runId: string, folder: string, ownName: string): Promise<void> {
    try {
      if ((await readlink(join(folder, PROXY_SOCKET))) === ownName) return;
      await putLink(folder, ownName);
      this.logger.warn({ runId }, 'the link to the egress proxy led elsewhere, and is repaired');
    } catch (error) {
      // Removed at this moment, most likely: the next look finds out.
      this.logger.debug({ runId, error: String(error) }, 'could not repair the link to the egress proxy');
    }
  }
}

/** In one step, so that there is always a link. */
async function putLink(folder: string, ownName: string): Promise<void> {
  const link = join(folder, `${ownName}.link`);
  await effect('egress.link.make', () => symlink(ownName, link));
  await effect('egress.link.put-in-place', () => rename(link, join(folder, PROXY_SOCKET)));
}

/** A deep checkout would make the socket's path too long: then the folder is below the machine's temporary one. */
function shortEnough(rootDir: string): string {
  if (join(rootDir, '0'.repeat(32), '01234567.sock').length <= LONGEST_SOCKET_PATH) return rootDir;
  return join(tmpdir(), `crewtab-${createHash('sha256').update(rootDir).digest('hex').slice(0, 12)}`);
}

function noneIfAbsent(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
