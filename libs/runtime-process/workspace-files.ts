import { lstat, mkdir, open, readdir, readlink, realpath, rename } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname, join, sep } from 'node:path';
import { openAgentFile } from '@crewtab/agent-files/open-agent-file';
import { AppError } from '@crewtab/domain/errors';
import { effect } from '@crewtab/domain/failpoint';
import type { FoundFile, WorkspaceFile } from '@crewtab/domain/ports/runtime';
import { workspacePath } from '@crewtab/domain/runs/workspace-path';
import { ignoring } from './run-folders';

/** Writes each file beside its place first, so that an agent sees all of it or nothing. */
export async function putFiles(workspace: string, files: readonly WorkspaceFile[]): Promise<void> {
  for (const { path, content, mode } of files) {
    const target = join(workspace, workspacePath(path));
    await makeFolders(workspace, dirname(workspacePath(path)));
    await requireInside(workspace, path);
    const unfinished = `${target}.${randomUUID().slice(0, 8)}`;
    const file = await effect('process.workspace-file.make', () => open(unfinished, 'wx', mode));
    try {
      await effect('process.workspace-file.write', () => file.writeFile(content));
      // The worker's umask may have taken bits away.
      await effect('process.workspace-file.set-mode', () => file.chmod(mode));
    } finally {
      await file.close();
    }
    await effect('process.workspace-file.put-in-place', () => rename(unfinished, target));
  }
}

/** One after the other, so that none is made beyond a link that leads out. */
async function makeFolders(workspace: string, folder: string): Promise<void> {
  const parts = folder === '.' ? [] : folder.split('/');
  for (const [at] of parts.entries()) {
    const path = parts.slice(0, at + 1).join('/');
    await requireInside(workspace, path);
    await effect('process.workspace-folder.make', () => mkdir(join(workspace, path)).catch(ignoring('EEXIST')));
  }
}

export async function* readFiles(workspace: string, path: string): AsyncGenerator<FoundFile> {
  const wanted = workspacePath(path);
  await requireInside(workspace, wanted);
  const top = await entryAt(workspace, wanted);
  if (!top) throw notFound(path);
  if (wanted !== '') yield top;
  if (top.kind === 'folder') yield* entriesIn(workspace, wanted);
}

async function* entriesIn(workspace: string, folder: string): AsyncGenerator<FoundFile> {
  const names = (await readdir(join(workspace, folder)).catch(ignoring('ENOENT', 'ENOTDIR'))) ?? [];
  for (const name of names.sort()) {
    const entry = await entryAt(workspace, folder === '' ? name : `${folder}/${name}`);
    // Removed since the folder was listed.
    if (!entry) continue;
    yield entry;
    if (entry.kind === 'folder') yield* entriesIn(workspace, entry.path);
  }
}

async function entryAt(workspace: string, path: string): Promise<FoundFile | null> {
  const place = join(workspace, path);
  const stats = await lstat(place).catch(ignoring('ENOENT', 'ENOTDIR'));
  if (!stats) return null;
  const ageMs = Date.now() - stats.mtimeMs;
  const entry = { path, mode: stats.mode & 0o7777, size: 0, target: null, ageMs, content: nothing() };
  if (stats.isFile()) return { ...entry, kind: 'file', size: stats.size, content: contentOf(place) };
  if (stats.isDirectory()) return { ...entry, kind: 'folder' };
  if (stats.isSymbolicLink()) return { ...entry, kind: 'link', target: await readlink(place) };
  return { ...entry, kind: 'other' };
}

/** A generator, so that a file whose content is not asked for is not opened. */
async function* contentOf(place: string): AsyncGenerator<Uint8Array> {
  const file = await openAgentFile(place);
  if (file) yield* file.createReadStream() as AsyncIterable<Buffer>;
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  yield* [];
}

/** A link that an agent has put on the way must not lead the worker out of the workspace. */
async function requireInside(workspace: string, path: string): Promise<void> {
  const folder = path === '' ? '' : dirname(path);
  const real = await realpath(join(workspace, folder)).catch(ignoring('ENOENT', 'ENOTDIR'));
  if (real === undefined) throw notFound(path);
  const root = await realpath(workspace);
  if (real !== root && !real.startsWith(`${root}${sep}`))
    throw new AppError('invalid_request', `"${path}" leads out of the workspace`);
}

function notFound(path: string): AppError {
  return new AppError('not_found', `there is no "${path}" in the workspace`);
}
