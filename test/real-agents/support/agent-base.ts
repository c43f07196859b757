import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Images } from '@crewtab/runtime-docker/images/images';

const run = promisify(execFile);

/** What the Dockerfiles of agents build upon by themselves. */
const PUBLISHED = 'node:22-bookworm-slim';
const DEBIAN = { suite: 'bookworm', mirror: 'http://deb.debian.org/debian', packages: 'ca-certificates,git' };
/** What the package `node` installs by a script. */
const NODE = `node-linux-${process.arch}`;
const FROM_NPM = [`${NODE}@22.23.3`, 'npm@10.9.9'];
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';
/** Of what is made here; another number makes it anew. */
const RECIPE = 1;

export interface AgentBase {
  readonly image: string;
  /** Of the agents' Dockerfiles, where the base is not the one that they name. */
  readonly buildArgs: Readonly<Record<string, string>>;
}

/**
 * What images of agents are built upon: the published image where a registry can be reached, else one of Debian's and
 * npm's packages. It stays on the engine.
 * @throws Error that says what is missing on this machine
 */
export async function agentBase(images: Images): Promise<AgentBase> {
  const options = { onProgress: () => undefined, signal: AbortSignal.timeout(120_000) };
  const isPublished = await images.ensure(PUBLISHED, options).then(
    () => true,
    () => false,
  );
  if (isPublished) return { image: PUBLISHED, buildArgs: {} };
  const digest = createHash('sha256').update(JSON.stringify([RECIPE, DEBIAN, FROM_NPM]));
  digest.update(await readFile(CERTIFICATES).catch(() => ''));
  const image = `crewtab-test/agent-base:${digest.digest('hex').slice(0, 12)}`;
  if ((await images.find(image)) === null) await makeBase(images, image);
  // It has the packages that an agent cannot do without.
  return { image, buildArgs: { BASE: image, TOOLS: '' } };
}

async function makeBase(images: Images, image: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'crewtab-agent-base-'));
  try {
    const root = join(folder, 'root');
    await bootstrapDebian(folder, root);
    await addNode(folder, root);
    const tar = spawn('tar', ['-C', root, '-c', '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await images.import(tar.stdout, image, ['ENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function bootstrapDebian(folder: string, root: string): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error(`no registry has ${PUBLISHED}, and debootstrap needs root`);
  const { suite, mirror, packages } = DEBIAN;
  const args = ['--variant=minbase', `--include=${packages}`, suite, root, mirror];
  const isThere = await run('debootstrap', ['--version']).then(
    () => true,
    () => false,
  );
  if (isThere) return void (await run('debootstrap', args, { maxBuffer: 1e8 }));
  await run('apt-get', ['download', 'debootstrap'], { cwd: folder });
  await run('sh', ['-c', 'dpkg -x debootstrap_*.deb tool'], { cwd: folder });
  const env = { ...process.env, DEBOOTSTRAP_DIR: join(folder, 'tool/usr/share/debootstrap') };
  await run(join(folder, 'tool/usr/sbin/debootstrap'), args, { env, maxBuffer: 1e8 });
}

/** Node's own image has npm too, where global packages go to /usr/local. */
async function addNode(folder: string, root: string): Promise<void> {
  const from = join(folder, 'node_modules');
  await run('npm', [
    'install',
    '--prefix',
    folder,
    '--no-save',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    ...FROM_NPM,
  ]);
  const local = join(root, 'usr/local');
  await mkdir(join(local, 'lib/node_modules'), { recursive: true });
  await mkdir(join(local, 'etc'), { recursive: true });
  await copyFile(join(from, NODE, 'bin/node'), join(local, 'bin/node'));
  await cp(join(from, 'npm'), join(local, 'lib/node_modules/npm'), { recursive: true, verbatimSymlinks: true });
  for (const name of ['npm', 'npx'])
    await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, join(local, 'bin', name));
  // This machine may reach the registry by a proxy that has a certificate of its own.
  await copyFile(CERTIFICATES, join(root, CERTIFICATES));
  await writeFile(join(local, 'etc/npmrc'), `cafile=${CERTIFICATES}\nupdate-notifier=false\n`);
}
