import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Absolute paths, inside the image and on this machine, of a file to take along. */
export interface TakenFile {
  readonly path: string;
  readonly source: string;
}

/** What a person looks around with in a container, and `timeout`, which ends an orphan at its deadline. */
const TOOLS = [
  'timeout',
  'sleep',
  'cat',
  'ln',
  'ls',
  'echo',
  'env',
  'id',
  'mkdir',
  'mkfifo',
  'rm',
  'cp',
  'chown',
  'chmod',
  'head',
  'tail',
];

/** Folders that every loader searches without being told. */
const LOADER_FOLDERS = ['/lib', '/lib64', '/usr/lib', '/usr/lib64'];

/** The programs of this machine that the image is made of, with their shared libraries. */
export async function collectPrograms(): Promise<{ files: TakenFile[]; libraryFolders: string[] }> {
  const shell = await realpath('/bin/sh');
  const programs: TakenFile[] = [
    { path: '/usr/bin/node', source: await realpath(process.execPath) },
    { path: '/usr/bin/sh', source: shell },
  ];
  for (const name of TOOLS) {
    const source = findOnPath(name);
    if (source) programs.push({ path: `/usr/bin/${name}`, source: await realpath(source) });
  }
  const libraries = new Set((await Promise.all(programs.map(({ source }) => librariesOf(source)))).flat());
  const files = [...programs, ...[...libraries].sort().map((path) => ({ path, source: path }))];
  return { files, libraryFolders: [...new Set([...libraries].map((path) => dirname(path)))].filter(isUnusualFolder) };
}

function findOnPath(name: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/bin'];
  return folders.map((folder) => join(folder || '.', name)).find((path) => existsSync(path)) ?? null;
}

/**
 * What `ldd` names: glibc says `libm.so.6 => /lib/…/libm.so.6 (0x…)` and `/lib64/ld-linux-x86-64.so.2 (0x…)`, musl
 * the same without the first space. A static program has none, and ldd says so with exit code 1.
 */
async function librariesOf(program: string): Promise<string[]> {
  let listing: string;
  try {
    listing = (await execute('ldd', [program])).stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    if (/not a (valid )?dynamic (executable|program)|statically linked/i.test(stdout + stderr)) return [];
    throw new Error(`ldd could not read ${program}: ${stderr || String(error)}`, { cause: error });
  }
  if (listing.includes('not found')) throw new Error(`a library of ${program} is missing on this machine:\n${listing}`);
  return [...listing.matchAll(/(?:^\s*|=>\s*)(\/\S+) \(0x/gm)].map((match) => match[1] as string);
}

function isUnusualFolder(folder: string): boolean {
  // Debian's loader also searches the folder named for the machine's architecture, `/lib/x86_64-linux-gnu`.
  return !LOADER_FOLDERS.some(
    (usual) => folder === usual || /^\/[^/]*-linux-gnu[^/]*$/.test(folder.slice(usual.length)),
  );
}
