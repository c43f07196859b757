import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { bundlePrograms } from './bundle-programs';

/** Where the programs that run inside containers lie, each in one file that needs only Node. */
export interface AgentPrograms {
  /** `node <demoAgent>` is the demo agent; its sample repository lies beside it. */
  readonly demoAgent: string;
  readonly teamBridge: string;
}

const IMAGES_DIR = join(__dirname, '..');
const ROOT = join(IMAGES_DIR, '..');
/** Below images/: what decides how the programs come out. package-lock.json stands for their packages. */
const SOURCES = ['build', 'demo-agent', 'team-bridge'] as const;

/**
 * The compiled programs: those of the build, when this file itself was built, and otherwise (under Jest) bundled on
 * the fly and kept under node_modules/.cache by a digest of their sources. Idempotent and safe in parallel.
 */
export async function compileAgent(): Promise<AgentPrograms> {
  if (basename(__filename).endsWith('.js')) return programsIn(IMAGES_DIR);
  const target = join(ROOT, 'node_modules', '.cache', 'crewtab-images', await digestOfSources());
  if (!existsSync(target)) await bundleInto(target);
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

function programsIn(dir: string): AgentPrograms {
  return {
    demoAgent: join(dir, 'demo-agent', 'demo-agent.js'),
    teamBridge: join(dir, 'team-bridge', 'team-bridge.js'),
  };
}

async function digestOfSources(): Promise<string> {
  const hash = createHash('sha256').update(await readFile(join(ROOT, 'package-lock.json')));
  for (const folder of SOURCES) {
    const names = (await readdir(join(IMAGES_DIR, folder))).filter(
      (name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'),
    );
    for (const name of names.sort())
      hash.update(`${folder}/${name}\0${await readFile(join(IMAGES_DIR, folder, name), 'utf8')}\0`);
  }
  return hash.digest('hex').slice(0, 16);
}

/** Bundles beside the target and renames, so that no reader ever sees half of it. */
async function bundleInto(target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const draft = await mkdtemp(`${target}.`);
  await bundlePrograms(IMAGES_DIR, draft);
  await symlink(sampleRepoDir(), join(draft, 'demo-agent', 'sample-repo'));
  try {
    await rename(draft, target);
  } catch (error) {
    // Another process was faster with the same content.
    if (!existsSync(target)) throw error;
    await rm(draft, { recursive: true });
  }
}
