import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, mkdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PostgresHome } from './postgres-account';
import { commandLineOf, identifyProcess } from './process-identity';
import { stopProcess, type StopPlan } from './supervised-server';
import { LocalServiceError, messageOf, systemErrorCode } from './service-error';

const run = promisify(execFile);

/** The database user that owns everything; also the name of the database. */
export const POSTGRES_USER = 'crewtab';

export function clusterFolder(home: PostgresHome): string {
  return join(home.folder, 'cluster');
}

/** Reads the password that belongs to the data folder; makes one at the first start. Readable by this user only. */
export async function ensurePassword(dataDir: string): Promise<string> {
  const file = join(dataDir, 'password');
  const present = await readFile(file, 'utf8').catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return null;
    throw error;
  });
  if (present !== null && present.trim() !== '') return present.trim();
  const password = randomBytes(24).toString('base64url');
  await writeFile(file, `${password}\n`, { mode: 0o600 });
  return password;
}

/**
 * Makes the cluster where there is none yet. It is made aside and renamed when complete, so that a start that was
 * broken off in the middle leaves nothing half-made behind.
 * @throws LocalServiceError when the data that is there belongs to another major version of Postgres.
 */
export async function ensureCluster(home: PostgresHome, password: string, isDurable: boolean): Promise<void> {
  const cluster = clusterFolder(home);
  if (existsSync(cluster)) return checkVersion(home, cluster);
  const draft = `${cluster}.new`;
  const passwordFile = join(home.folder, 'password.new');
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  try {
    for (const path of home.account === undefined ? [] : [draft, passwordFile]) {
      await chown(path, home.account?.uid ?? 0, home.account?.gid ?? 0);
    }
    await initialise(home, draft, passwordFile, isDurable);
    await rename(draft, cluster);
  } finally {
    await unlink(passwordFile).catch(() => undefined);
  }
}

async function initialise(home: PostgresHome, draft: string, passwordFile: string, isDurable: boolean): Promise<void> {
  const args = [
    `--pgdata=${draft}`,
    `--pwfile=${passwordFile}`,
    `--username=${POSTGRES_USER}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // Built into Postgres: sorts the same on every machine, whatever locales are installed there.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--no-instructions',
    ...(isDurable ? [] : ['--no-sync']),
  ];
  try {
    await run(join(home.binaries.folder, 'bin', 'initdb'), args, { cwd: '/', timeout: 120_000, ...home.account });
  } catch (error) {
    throw new LocalServiceError(
      `Postgres could not make its data folder: ${lastLine(messageOf(error))}`,
      'repair what it says, or use a Postgres of your own: DATABASE_URL=postgresql://… npm start',
      error,
    );
  }
}

async function checkVersion(home: PostgresHome, cluster: string): Promise<void> {
  const file = join(cluster, 'PG_VERSION');
  const version = await readFile(file, 'utf8').catch((error: unknown) => {
    if (systemErrorCode(error) === 'EACCES') throw foreignData(cluster, error);
    return '';
  });
  if (version.trim() === String(home.binaries.major)) return;
  const found = version.trim() === '' ? 'no data of Postgres' : `data of Postgres ${version.trim()}`;
  throw new LocalServiceError(
    `${cluster} holds ${found}, and this Crewtab brings Postgres ${home.binaries.major}`,
    `move ${cluster} away to start empty, or dump it with its own version and set DATABASE_URL`,
  );
}

function foreignData(cluster: string, error: unknown): LocalServiceError {
  return new LocalServiceError(
    `the Postgres data in ${cluster} belongs to another user`,
    'start as the user who started it first (sudo npm start if that was root), or move the folder away to start empty',
    error,
  );
}

/**
 * Clears `postmaster.pid` of a server that no longer runs: after kill -9 or a power cut its pid may belong to some
 * other program, and Postgres would then refuse to start. A server that does run on this cluster is stopped.
 */
export async function clearPidFile(cluster: string, plan: StopPlan): Promise<void> {
  const file = join(cluster, 'postmaster.pid');
  const pid = Number.parseInt(await readFile(file, 'utf8').catch(() => ''), 10);
  if (!Number.isInteger(pid)) return;
  const identity = await identifyProcess(pid);
  const command = identity === null ? null : await commandLineOf(pid);
  if (identity !== null && command?.includes(cluster) === true) await stopProcess(identity, plan);
  await unlink(file).catch(() => undefined);
}

/** Whether the server of that pid says in its pid file that it takes connections. */
export async function isReady(cluster: string, pid: number): Promise<boolean> {
  const lines = (await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  return Number(lines[0]) === pid && (lines[7] ?? '').trim() === 'ready';
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
