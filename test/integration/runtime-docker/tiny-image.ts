import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { pack } from 'tar-stream';
import type { DockerRuntime } from '@crewtab/runtime-docker/docker-runtime';

const execute = promisify(execFile);

/** With a shell these are enough for the contract's programs; `timeout` ends an orphan at its deadline. */
const TOOLS = ['cat', 'env', 'head', 'id', 'ls', 'seq', 'sh', 'sleep', 'tail', 'timeout', 'tr'];

export interface TinyImageOptions {
  readonly without?: readonly string[];
  /** Tools of this machine that it does not have otherwise. */
  readonly with?: readonly string[];
  /** Dockerfile instructions. */
  readonly changes?: readonly string[];
  readonly passwd?: string;
  /** True: /etc/passwd is a link to it. */
  readonly linksPasswd?: boolean;
  /** Uid of a /workspace that the image brings. */
  readonly workspaceUid?: number;
  /** Files that it brings for uid 1000, with their text, by their absolute path. */
  readonly brings?: Readonly<Record<string, string>>;
}

/**
 * Puts an image of a few megabytes on the engine, made of this machine's own shell and tools, and returns its name:
 * the same content has the same name, and what is there is not made again.
 */
export function tinyImage(runtime: DockerRuntime, options: TinyImageOptions = {}): Promise<string> {
  const key = JSON.stringify(options);
  const known = made.get(key) ?? ensureImage(runtime, options);
  made.set(key, known);
  return known;
}

const made = new Map<string, Promise<string>>();

async function ensureImage(runtime: DockerRuntime, options: TinyImageOptions): Promise<string> {
  const files = await collect([...TOOLS, ...(options.with ?? [])].filter((tool) => !options.without?.includes(tool)));
  const digest = createHash('sha256').update(
    JSON.stringify([options, [...files.keys()], [...files.values()].map((bytes) => bytes.length)]),
  );
  const reference = `crewtab-test/tiny:${digest.digest('hex').slice(0, 12)}`;
  if (await runtime.hasImage(reference)) return reference;
  const changes = ['ENV PATH=/usr/bin:/bin', ...(options.changes ?? [])];
  await runtime.importImage(Readable.from(await makeRootfs(files, options)), reference, changes);
  return reference;
}

/** By their paths in the image. */
async function collect(tools: readonly string[]): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const tool of tools) {
    const { stdout: found } = await execute('sh', ['-c', `command -v ${tool}`]);
    const program = await realpath(found.trim());
    files.set(`usr/bin/${basename(tool)}`, await readFile(program));
    const { stdout: libraries } = await execute('ldd', [program]);
    for (const [, path = ''] of libraries.matchAll(/(?:^\s*|=>\s*)(\/\S+) \(0x/gm))
      files.set(path.slice(1), await readFile(path));
  }
  return files;
}

async function makeRootfs(files: ReadonlyMap<string, Buffer>, options: TinyImageOptions): Promise<Buffer[]> {
  const tar = pack();
  for (const name of ['dev', 'etc', 'proc', 'sys', 'usr/bin']) tar.entry({ name, type: 'directory', mode: 0o755 });
  tar.entry({ name: 'bin', type: 'symlink', linkname: 'usr/bin' });
  const { passwd, linksPasswd = false, workspaceUid: uid } = options;
  if (linksPasswd) tar.entry({ name: 'etc/passwd', type: 'symlink', linkname: 'users' });
  if (passwd !== undefined) tar.entry({ name: linksPasswd ? 'etc/users' : 'etc/passwd', mode: 0o644 }, passwd);
  if (uid !== undefined) tar.entry({ name: 'workspace', type: 'directory', mode: 0o755, uid, gid: uid });
  for (const [path, text] of Object.entries(options.brings ?? {})) {
    const [name, owner] = [path.slice(1), { uid: 1000, gid: 1000 }];
    tar.entry({ name: dirname(name), type: 'directory', mode: 0o755, ...owner });
    tar.entry({ name, mode: 0o600, ...owner }, text);
  }
  for (const [name, bytes] of files) tar.entry({ name, mode: 0o755 }, bytes);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return chunks;
}
