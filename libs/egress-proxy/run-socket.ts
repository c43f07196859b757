import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { effect } from '@crewtab/domain/failpoint';
import type { Logger } from '@crewtab/domain/ports/logger';
import { keepLink, shortEnough } from '@crewtab/run-sockets/run-socket-files';

/** By which the containers of a run know the socket, in the folder that they see. */
export const PROXY_SOCKET = 'proxy.sock';
/** Of a program of Crewtab's: no team has so many agents. */
export const SEAT_ASIDE = 99;
const LONGEST_NAME = `${'0'.repeat(32)}.99/01234567.sock`;
const FOLDER = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})(\.\d+)?$/;

/**
 * One folder per run, named after it, and one per seat of its team where agents are told apart, with nothing in them but sockets:
 * containers see a folder, read-only, and the worker reads nothing back from it. Each server has a socket of its own, and the known name is a link to the newest: closing a
 * server unlinks its path, which must not be the path of a worker that has taken over meanwhile.
 */
export class RunSockets {
  /** Short enough for sockets. */
  readonly rootDir: string;

  constructor(
    rootDir: string,
    private readonly logger: Logger,
  ) {
    this.rootDir = shortEnough(rootDir, LONGEST_NAME);
  }

  /** @param seat in the team; null: the run's own */
  folderOf(runId: string, seat: number | null = null): string {
    return join(this.rootDir, runId.replaceAll('-', '') + (seat === null ? '' : `.${seat}`));
  }

  async list(): Promise<string[]> {
    const runIds = (await this.folders()).flatMap((folder) => FOLDER.exec(folder)?.slice(1, 6).join('-') ?? []);
    return [...new Set(runIds)];
  }

  /** The run's own folder last, so that what a crash leaves of the others is still found by it. */
  async remove(runId: string): Promise<void> {
    const own = this.folderOf(runId);
    const seats = (await this.folders())
      .map((name) => join(this.rootDir, name))
      .filter((it) => it.startsWith(`${own}.`));
    for (const folder of [...seats, own])
      await effect('egress.folder.remove', () => rm(folder, { recursive: true, force: true }));
  }

  private folders(): Promise<string[]> {
    return readdir(this.rootDir).catch(noneIfAbsent);
  }

  /**
   * Lets a server listen at the known name of the run, or of a seat of its team.
   * @returns ends the repair of the link; the server is the caller's to close
   */
  async listen(runId: string, seat: number | null, listenAt: (path: string) => Promise<void>): Promise<() => void> {
    const folder = this.folderOf(runId, seat);
    // Agents are other users than the worker, so a run's folder is open to all; the one above is for the worker alone.
    await effect('egress.root.make', () => mkdir(this.rootDir, { recursive: true, mode: 0o700 }));
    await effect('egress.folder.make', () => mkdir(folder, { recursive: true }));
    await effect('egress.folder.open-to-agents', () => chmod(folder, 0o755));
    const ownName = `${randomBytes(4).toString('hex')}.sock`;
    await effect('egress.socket.listen', () => listenAt(join(folder, ownName)));
    await effect('egress.socket.open-to-agents', () => chmod(join(folder, ownName), 0o666));
    await putLink(folder, ownName);
    return keepLink({
      runId,
      of: 'egress proxy',
      ownName,
      target: () => readlink(join(folder, PROXY_SOCKET)),
      put: () => putLink(folder, ownName),
      logger: this.logger,
    });
  }
}

/** In one step, so that there is always a link. */
async function putLink(folder: string, ownName: string): Promise<void> {
  const link = join(folder, `${ownName}.link`);
  await effect('egress.link.make', () => symlink(ownName, link));
  await effect('egress.link.put-in-place', () => rename(link, join(folder, PROXY_SOCKET)));
}

function noneIfAbsent(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
