import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Where the programs that run inside containers lie, as plain JavaScript. */
export interface AgentPrograms {
  /** `node <demoAgent>` is the demo agent; the files beside it belong to it. */
  readonly demoAgent: string;
  /** The team bridge, one file. */
  readonly teamBridge: string;
}

const IMAGES_DIR = join(__dirname, '..');
const SOURCES = ['demo-agent', 'team-bridge'] as const;

/**
 * The compiled programs: those of the build, when this file itself was built, and otherwise (under Jest) compiled on
 * the fly and kept under node_modules/.cache by a digest of their sources. Idempotent and safe in parallel.
 */
export async function compileAgent(): Promise<AgentPrograms> {
  if (basename(__filename).endsWith('.js')) return programsIn(IMAGES_DIR);
  const sources = await readSources();
  const cache = join(IMAGES_DIR, '..', 'node_modules', '.cache', 'crewtab-images');
  const target = join(cache, digestOf(sources));
  if (!existsSync(target)) await compileInto(target, sources);
  return programsIn(target);
}

/** The repository that the demo reports on. It is not compiled, so it always lies in the source tree. */
export function sampleRepoDir(): string {
  const candidates = [IMAGES_DIR, join(IMAGES_DIR, '..', '..', 'images')].map((dir) =>
    join(dir, 'demo-agent', 'sample-repo'),
  );
  const found = candidates.find((candidate) => existsSync(join(candidate, 'commits.txt')));
  if (!found) throw new Error(`the sample repository is not in ${candidates.join(' or ')}`);
  return found;
}

/** Path below images/ and text of every source. */
type Sources = ReadonlyMap<string, string>;

function programsIn(dir: string): AgentPrograms {
  return {
    demoAgent: join(dir, 'demo-agent', 'demo-agent.js'),
    teamBridge: join(dir, 'team-bridge', 'team-bridge.js'),
  };
}

async function readSources(): Promise<Sources> {
  const sources = new Map<string, string>();
  for (const folder of SOURCES) {
    const names = (await readdir(join(IMAGES_DIR, folder))).filter(
      (name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'),
    );
    for (const name of names.sort())
      sources.set(join(folder, name), await readFile(join(IMAGES_DIR, folder, name), 'utf8'));
  }
  return sources;
}

function digestOf(sources: Sources): string {
  const hash = createHash('sha256');
  for (const [path, text] of sources) hash.update(`${path}\0${text}\0`);
  return hash.digest('hex').slice(0, 16);
}

/** Compiles beside the target and renames, so that nobody ever sees half of it. */
async function compileInto(target: string, sources: Sources): Promise<void> {
  const { transform } = await import('@swc/core');
  await mkdir(dirname(target), { recursive: true });
  const draft = await mkdtemp(`${target}.`);
  for (const [path, text] of sources) {
    const { code } = await transform(text, {
      filename: path,
      swcrc: false,
      module: { type: 'commonjs' },
      jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    });
    const file = join(draft, path.replace(/\.ts$/, '.js'));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, code);
  }
  await symlink(sampleRepoDir(), join(draft, 'demo-agent', 'sample-repo'));
  try {
    await rename(draft, target);
  } catch (error) {
    // Somebody else was faster with the same content.
    if (!existsSync(target)) throw error;
    await rm(draft, { recursive: true });
  }
}
