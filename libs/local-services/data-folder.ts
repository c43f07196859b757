import { constants } from 'node:fs';
import { access, mkdir, readFile, stat, unlink, link, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { identifyProcess, isStillRunning, type ProcessIdentity } from './process-identity';
import { LocalServiceError, messageOf, systemErrorCode } from './service-error';

/** Makes the folder where it is missing and makes sure that this user can work in it. */
export async function prepareDataFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw await folderError(folder, error);
  }
}

async function folderError(folder: string, error: unknown): Promise<LocalServiceError> {
  const code = systemErrorCode(error);
  if (code === 'EEXIST' || code === 'ENOTDIR') {
    return new LocalServiceError(
      `${folder} cannot be made: a file is in its place`,
      'move that file away and start again',
      error,
    );
  }
  if (code === 'ENOSPC') return new LocalServiceError(`no space left for ${folder}`, 'free some disk space', error);
  return new LocalServiceError(
    `the data folder ${folder} cannot be read and written by this user (${code ?? messageOf(error)})`,
    await accessHint(folder),
    error,
  );
}

async function accessHint(folder: string): Promise<string> {
  const found = await stat(folder).catch(() => null);
  if (found === null) return `this user may not make folders in ${dirname(folder)}: work in a folder of your own`;
  if (found.uid === process.getuid?.()) return `give yourself access: chmod -R u+rwX ${folder}`;
  return `it belongs to user id ${found.uid}: start as that user, or take it over: sudo chown -R "$(id -un)" ${folder}`;
}

export interface FolderClaim {
  /** Idempotent. */
  release(): Promise<void>;
}

/**
 * Takes a data folder for this process, so that never two starters run a server on the same data. The claim of a
 * process that no longer lives (kill -9, power cut) is taken over.
 * @throws LocalServiceError when another living process holds it.
 */
export async function claimFolder(folder: string, what: string): Promise<FolderClaim> {
  await prepareDataFolder(folder);
  const file = join(folder, 'owner.json');
  const self = await identifyProcess(process.pid);
  if (self === null) throw new Error('this process cannot identify itself');
  const content = JSON.stringify(self);
  for (let attempt = 0; attempt < 5; attempt += 1) {
    if (await createWhole(file, content)) return { release: () => releaseClaim(file, content) };
    const held = await readFile(file, 'utf8').catch(() => null);
    if (held === null) continue;
    const holder = parseIdentity(held);
    if (holder !== null && (await isStillRunning(holder))) throw claimedByOther(folder, what, holder.pid);
    await unlink(file).catch(() => undefined);
  }
  throw claimedByOther(folder, what, null);
}

/** Creates the file with its whole content at once, so that a reader never sees it empty. False: it exists already. */
async function createWhole(file: string, content: string): Promise<boolean> {
  const draft = `${file}.${process.pid}`;
  try {
    await writeFile(draft, content, { mode: 0o600 });
    await link(draft, file).catch((error: unknown) => createWithoutLink(file, content, error));
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw await folderError(dirname(file), error);
  } finally {
    await unlink(draft).catch(() => undefined);
  }
}

/** Some file systems (exFAT, some shared folders of virtual machines) have no hard links. */
async function createWithoutLink(file: string, content: string, error: unknown): Promise<void> {
  if (!['EPERM', 'ENOTSUP', 'ENOSYS'].includes(systemErrorCode(error) ?? '')) throw error;
  await writeFile(file, content, { mode: 0o600, flag: 'wx' });
}

async function releaseClaim(file: string, content: string): Promise<void> {
  const held = await readFile(file, 'utf8').catch(() => null);
  if (held === content) await unlink(file).catch(() => undefined);
}

function claimedByOther(folder: string, what: string, pid: number | null): LocalServiceError {
  return new LocalServiceError(
    `${what} of this folder is in use by ${pid === null ? 'another process' : `process ${pid}`} (${folder})`,
    'another npm start runs in this folder: use that one, or stop it first',
  );
}

/** Reads what `JSON.stringify(identity)` wrote; null when it is something else. */
export function parseIdentity(text: string): ProcessIdentity | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('startedAt' in value)) return null;
    if (typeof value.pid !== 'number' || typeof value.startedAt !== 'string') return null;
    return { pid: value.pid, startedAt: value.startedAt };
  } catch {
    return null;
  }
}
