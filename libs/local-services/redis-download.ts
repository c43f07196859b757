import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findOnPath } from './find-on-path';
import { LocalServiceError, messageOf, type ProgressLog } from './service-error';

const run = promisify(execFile);
const PACKAGE = 'redis-server';

/** A Redis server that can be started on this machine. */
export interface RedisProgram {
  readonly file: string;
  /** Set where it comes with libraries of its own: the value for LD_LIBRARY_PATH. */
  readonly libraryPath: string | null;
}

/**
 * Gets Redis from the system's own package archive on Debian and its descendants: fetches the packages and unpacks them
 * into `cacheDir`. The same for root and for an ordinary user, because nothing is installed: no system service appears,
 * no password is asked for, and removing the folder removes it all.
 * @returns null on systems without apt.
 * @throws LocalServiceError when apt is there and cannot fetch the package.
 */
export async function downloadRedis(
  cacheDir: string,
  env: NodeJS.ProcessEnv,
  log: ProgressLog,
): Promise<RedisProgram | null> {
  const root = join(cacheDir, 'root');
  if (!existsSync(root)) {
    const tools = await Promise.all(['apt-get', 'dpkg-deb'].map((name) => findOnPath(name, env)));
    if (tools.includes(null)) return null;
    await fetchInto(root, cacheDir, env, log);
  }
  const file = await serverFile(root);
  if (file === null) throw new LocalServiceError(`no Redis server in ${root}`, `remove ${cacheDir} and start again`);
  return { file, libraryPath: (await libraryFolders(root)).join(':') };
}

async function fetchInto(root: string, cacheDir: string, env: NodeJS.ProcessEnv, log: ProgressLog): Promise<void> {
  const aptFolder = join(cacheDir, `apt.${process.pid}`);
  const apt = new Apt(aptFolder, env);
  const draft = `${root}.${process.pid}`;
  try {
    const packages = await apt.download(log);
    await mkdir(draft, { recursive: true });
    for (const file of packages) await run('dpkg-deb', ['--extract', file, draft], { env, timeout: 60_000 });
    // Complete or absent: a start that was broken off leaves nothing that looks usable.
    await rename(draft, root).catch((error: unknown) => {
      // Another start was faster.
      if (!existsSync(root)) throw error;
    });
  } catch (error) {
    throw new LocalServiceError(
      `Redis could not be fetched from this system's packages: ${lastErrorLine(error)}`,
      'install it yourself (sudo apt-get install redis-server), or use one of your own: REDIS_URL=redis://… npm start',
      error,
    );
  } finally {
    await rm(draft, { recursive: true, force: true });
    await rm(aptFolder, { recursive: true, force: true });
  }
}

/** apt-get with its downloads in a folder of ours, and package lists of ours where the system's are empty or old. */
class Apt {
  private hasOwnLists = false;

  constructor(
    private readonly folder: string,
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  /** @returns the package files that this machine lacks for running Redis. */
  async download(log: ProgressLog): Promise<string[]> {
    await mkdir(join(this.folder, 'lists/partial'), { recursive: true });
    await mkdir(join(this.folder, 'archives/partial'), { recursive: true });
    try {
      return await this.fetchPackages(log);
    } catch (error) {
      log(`reading the package lists first (${lastErrorLine(error)})`);
      this.hasOwnLists = true;
      await this.get(['update'], 300_000);
      return this.fetchPackages(log);
    }
  }

  private async fetchPackages(log: ProgressLog): Promise<string[]> {
    const plan = await this.get(['install', '--simulate', '--no-install-recommends', PACKAGE], 60_000);
    const names = [...plan.matchAll(/^Inst (\S+)/gm)].map((match) => match[1] ?? '');
    // Present in dpkg's list and yet not on the PATH: its files are fetched again.
    const wanted = names.length === 0 ? [PACKAGE, 'redis-tools'] : names;
    log(`fetching Redis from this system's packages: ${wanted.join(', ')}`);
    await this.get(['download', ...wanted], 300_000);
    const folder = join(this.folder, 'archives');
    return (await readdir(folder)).filter((name) => name.endsWith('.deb')).map((name) => join(folder, name));
  }

  private async get(args: readonly string[], timeoutMs: number): Promise<string> {
    const lists = [`Dir::State::lists=${join(this.folder, 'lists')}`, `Dir::Cache=${this.folder}`];
    const settings = [...(this.hasOwnLists ? lists : []), 'APT::Sandbox::User=', 'Debug::NoLocking=true'];
    const { stdout } = await run('apt-get', [...settings.flatMap((setting) => ['-o', setting]), ...args], {
      cwd: join(this.folder, 'archives'),
      env: { ...this.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
      timeout: timeoutMs,
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  }
}

async function serverFile(root: string): Promise<string | null> {
  const usual = join(root, 'usr/bin/redis-server');
  return existsSync(usual) ? usual : null;
}

/** Debian keeps libraries in a folder per processor architecture: usr/lib/x86_64-linux-gnu. */
async function libraryFolders(root: string): Promise<string[]> {
  const folders: string[] = [];
  for (const parent of [join(root, 'usr/lib'), join(root, 'lib')]) {
    const names = await readdir(parent).catch(() => []);
    folders.push(...names.filter((name) => name.includes('-linux-')).map((name) => join(parent, name)));
  }
  return folders;
}

function lastErrorLine(error: unknown): string {
  const stderr =
    typeof error === 'object' && error !== null && 'stderr' in error ? String(error.stderr) : messageOf(error);
  const lines = stderr.trim().split('\n');
  return lines.findLast((line) => line.startsWith('E:')) ?? lines.at(-1) ?? '';
}
