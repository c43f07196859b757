import { randomUUID } from 'node:crypto';
import type { Dirent, Stats } from 'node:fs';
import { chmod, lstat, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { effect } from '@crewtab/domain/failpoint';

const OWNER_ONLY = 0o700;
const SEPARATOR = Buffer.from('/');
/** Beside another remover, or a process that still writes: so often it is begun again. */
const ATTEMPTS = 5;

/**
 * Removes whatever an agent has made of a folder: closed folders (`chmod 0`), trees that are deeper than a path may be long,
 * names that are no text. Links are removed and not followed. Nothing there is fine, and so is another removal at the same
 * time. A crash leaves less than before.
 *
 * Every folder inside is first moved up to the top, so that no path grows long and no list of what is still to do is kept.
 * What belongs to another user resists; so does a tree that a living process replants.
 * @param point name of the crash point around it
 */
export function removeTree(point: string, path: string): Promise<void> {
  return effect(point, () => remove(path));
}

async function remove(path: string): Promise<void> {
  const top = Buffer.from(path);
  for (let attempt = 1; ; attempt++) {
    try {
      const stats = await statOf(top);
      if (stats === null) return;
      if (!stats.isDirectory()) return await ignoring(unlink(top), 'ENOENT');
      await removeFolder(top);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (attempt === ATTEMPTS || (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOTDIR')) throw error;
    }
  }
}

async function removeFolder(top: Buffer): Promise<void> {
  await openUp(top);
  // What is moved to the top while it is read may or may not be seen in the same reading.
  for (let hasFound = true; hasFound;) {
    hasFound = false;
    await forEachIn(top, async (path, isFolder) => {
      hasFound = true;
      if (!isFolder) return ignoring(unlink(path), 'ENOENT');
      await openUp(path);
      await forEachIn(path, (inner, isInnerFolder) => (isInnerFolder ? moveTo(top, inner) : unlinkIfThere(inner)));
      return ignoring(rmdir(path), 'ENOENT');
    });
  }
  await ignoring(rmdir(top), 'ENOENT');
}

function unlinkIfThere(path: Buffer): Promise<void> {
  return ignoring(unlink(path), 'ENOENT');
}

async function moveTo(top: Buffer, path: Buffer): Promise<void> {
  // A folder that is moved gets another `..`, which its owner must be allowed to write.
  await openUp(path);
  await ignoring(rename(path, inside(top, Buffer.from(`.removed-${randomUUID()}`))), 'ENOENT');
}

/** Its owner may then list and empty it. */
async function openUp(path: Buffer): Promise<void> {
  const stats = await statOf(path);
  if (stats?.isDirectory() && (stats.mode & OWNER_ONLY) !== OWNER_ONLY)
    await ignoring(chmod(path, OWNER_ONLY), 'ENOENT');
}

async function forEachIn(folder: Buffer, visit: (path: Buffer, isFolder: boolean) => Promise<void>): Promise<void> {
  // Read as it goes: a folder may have millions of names. Names are bytes; of those that are no UTF-8 a text would be wrong.
  const entries = await opendir(folder, { encoding: 'buffer' as BufferEncoding }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    },
  );
  for await (const entry of entries as AsyncIterable<Dirent<Buffer>>) {
    await visit(inside(folder, entry.name), entry.isDirectory());
  }
}

function inside(folder: Buffer, name: Buffer): Buffer {
  return Buffer.concat([folder, SEPARATOR, name]);
}

async function statOf(path: Buffer): Promise<Stats | null> {
  return lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
}

async function ignoring(work: Promise<void>, code: string): Promise<void> {
  await work.catch((error: NodeJS.ErrnoException) => {
    if (error.code !== code) throw error;
  });
}
