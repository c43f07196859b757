import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { copyBinaries, type PostgresBinaries } from './postgres-binaries';
import { LocalServiceError, messageOf, systemErrorCode, type ProgressLog } from './service-error';

const run = promisify(execFile);
const SYSTEM_FOLDER = '/var/lib/crewtab';

/** A user that the server runs as instead of root. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Where the cluster lies and who runs it. */
export interface PostgresHome {
  /** Holds `cluster/`; the data folder itself unless the server's user cannot reach that. */
  readonly folder: string;
  readonly binaries: PostgresBinaries;
  /** Undefined: the present user. */
  readonly account?: Account | undefined;
}

/**
 * Postgres refuses to run as root. An ordinary user runs it in the data folder. For root it runs as the owner of the
 * data that is already there, otherwise as the user `postgres` (made if missing); and where that user cannot reach the
 * data folder (a clone in /root), data and binaries go to /var/lib/crewtab, which the data folder then points to.
 */
export async function settlePostgresHome(
  dataDir: string,
  binaries: PostgresBinaries,
  log: ProgressLog,
): Promise<PostgresHome> {
  if (process.getuid?.() !== 0) return { folder: dataDir, binaries };
  const pointer = join(dataDir, 'location.json');
  const recorded = await readLocation(pointer);
  const present = recorded ?? dataDir;
  const account = (await ownerOf(join(present, 'cluster'))) ?? (await postgresAccount(log));
  if (recorded === null) await letOthersThrough(dataDir);
  const folder = recorded ?? (await choosePlace(dataDir, account, log));
  if (folder !== dataDir && recorded === null) await writeFile(pointer, JSON.stringify({ folder }), { mode: 0o600 });
  return { folder, account, binaries: await reachableBinaries(binaries, account, log) };
}

async function readLocation(pointer: string): Promise<string | null> {
  const text = await readFile(pointer, 'utf8').catch(() => null);
  if (text === null) return null;
  const value: unknown = JSON.parse(text);
  return typeof value === 'object' && value !== null && 'folder' in value ? String(value.folder) : null;
}

async function ownerOf(path: string): Promise<Account | null> {
  const found = await stat(path).catch(() => null);
  return found === null || found.uid === 0 ? null : { uid: found.uid, gid: found.gid };
}

/** The data folder is ours alone, but the server's user must be able to walk through it to its cluster. */
async function letOthersThrough(folder: string): Promise<void> {
  const { mode } = await stat(folder);
  await chmod(folder, (mode & 0o7777) | 0o011);
}

async function choosePlace(dataDir: string, account: Account, log: ProgressLog): Promise<string> {
  if (await canReach(account, dataDir)) return dataDir;
  const name = `${basename(dirname(dirname(dataDir)))}-${randomBytes(4).toString('hex')}`;
  const folder = await makeOutside(name);
  log(`Postgres keeps its data in ${folder}, because its user cannot reach ${dataDir}`);
  return folder;
}

async function makeOutside(name: string): Promise<string> {
  for (const parent of [SYSTEM_FOLDER, join(tmpdir(), 'crewtab')]) {
    const folder = join(parent, name);
    try {
      await mkdir(folder, { recursive: true, mode: 0o755 });
      await chmod(parent, 0o755);
      await chmod(folder, 0o711);
      return folder;
    } catch (error) {
      // A read-only /var/lib; the temporary folder is the last resort.
      if (parent !== SYSTEM_FOLDER) throw error;
    }
  }
  throw new Error('unreachable');
}

async function reachableBinaries(
  binaries: PostgresBinaries,
  account: Account,
  log: ProgressLog,
): Promise<PostgresBinaries> {
  if (await canReach(account, join(binaries.folder, 'bin', 'postgres'))) return binaries;
  const programs = await makeOutside('programs');
  log(`Postgres runs from a copy of its programs in ${programs}, which its user can reach`);
  return copyBinaries(binaries, programs);
}

/** Whether the account may enter a folder or execute a program; asked of the kernel by being that user. */
async function canReach(account: Account, path: string): Promise<boolean> {
  try {
    await run('test', ['-x', path], { ...account, cwd: '/', timeout: 10_000 });
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') throw error;
    return false;
  }
}

async function postgresAccount(log: ProgressLog): Promise<Account> {
  const present = await lookUp('postgres');
  if (present !== null) return present;
  log('making the system user "postgres", as Postgres refuses to run as root');
  try {
    await run('groupadd', ['--system', '--force', 'postgres']);
    await run('useradd', [
      '--system',
      '--gid',
      'postgres',
      '--no-create-home',
      '--home-dir',
      '/nonexistent',
      'postgres',
    ]);
  } catch (error) {
    throw new LocalServiceError(
      `Postgres refuses to run as root, and the user "postgres" cannot be made: ${messageOf(error).split('\n')[0] ?? ''}`,
      'start as an ordinary user, or use a Postgres of your own with DATABASE_URL',
      error,
    );
  }
  const made = await lookUp('postgres');
  if (made === null) throw new Error('the user postgres was made and is not there');
  return made;
}

async function lookUp(name: string): Promise<Account | null> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    // id exits with 1 for an unknown user.
    return null;
  }
}
