import { randomBytes } from 'node:crypto';
import { readFile, readlink, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { effect } from '@crewtab/domain/failpoint';

/** By which agents know the socket, and the program that speaks to it. */
export const SOCKET_NAME = 'team.sock';
export const BRIDGE_NAME = 'team-bridge.js';

/**
 * In one step, and not at all where it stands already: an agent may start it at any moment, also while a worker that was
 * stopped in here goes on after another one has taken over, and must never find it empty or in half.
 */
export async function putBridge(socketDir: string, source: string): Promise<void> {
  const bridge = join(socketDir, BRIDGE_NAME);
  if (await holds(bridge, source)) return;
  const written = join(socketDir, `${BRIDGE_NAME}.${randomBytes(4).toString('hex')}`);
  await effect('tools.bridge.write', () => writeFile(written, source, { mode: 0o644 }));
  await effect('tools.bridge.put-in-place', () => rename(written, bridge));
}

/** Leads the known name to a socket of the folder. In one step, so that there is always a link. */
export async function putLink(socketDir: string, ownName: string): Promise<void> {
  const link = join(socketDir, `${ownName}.link`);
  await effect('tools.link.make', () => symlink(ownName, link));
  await effect('tools.link.put-in-place', () => rename(link, join(socketDir, SOCKET_NAME)));
}

async function holds(path: string, text: string): Promise<boolean> {
  return readFile(path, 'utf8').then(
    (present) => present === text,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

/** @returns the name of the socket that the known name leads to; null where there is no link */
export async function targetOf(socketDir: string): Promise<string | null> {
  return readlink(join(socketDir, SOCKET_NAME)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
}
