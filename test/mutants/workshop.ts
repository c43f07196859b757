import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Edit } from './mutant';
import { plantEdit } from './plant-edit';

const run = promisify(execFile);
/** Not in git, and needed by the tests: made by the build. */
const GENERATED = ['libs/store-prisma/generated', 'dist/images/guard'];
const LONGEST_LIST_BYTES = 16 * 1024 * 1024;

/** A copy of the project, as it is in the checkout now, that may be spoilt. The checkout itself is never touched. */
export class Workshop {
  private constructor(readonly folder: string) {}

  static async open(project: string): Promise<Workshop> {
    const folder = await mkdtemp(join(tmpdir(), 'crewtab-mutants-'));
    const { stdout } = await run('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
      cwd: project,
      maxBuffer: LONGEST_LIST_BYTES,
    });
    for (const path of stdout.split('\0').filter((name) => name !== '')) await copy(project, folder, path);
    for (const path of GENERATED) await copy(project, folder, path);
    await symlink(join(project, 'node_modules'), join(folder, 'node_modules'), 'dir');
    return new Workshop(folder);
  }

  /** Applies all edits, does the work, and restores the files whatever became of it. Throws where an edit does not fit. */
  async withEdits<T>(edits: readonly Edit[], work: () => Promise<T>): Promise<T> {
    const edited = new Map<string, string>();
    const originals = new Map<string, string>();
    try {
      for (const edit of edits) {
        const { file, source } = await plantEdit(this.folder, edit, edited);
        const path = join(this.folder, file);
        if (!originals.has(path)) originals.set(path, await readFile(path, 'utf8'));
        edited.set(file, source);
        await writeFile(path, source);
      }
      return await work();
    } finally {
      for (const [path, source] of originals) await writeFile(path, source);
    }
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function copy(from: string, to: string, path: string): Promise<void> {
  await mkdir(dirname(join(to, path)), { recursive: true });
  try {
    await cp(join(from, path), join(to, path), { recursive: true });
  } catch (error) {
    // Listed by git and deleted in the checkout.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
