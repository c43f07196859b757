import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { digest, projectFolder, readIfThere } from './project.mjs';

const SOURCE = join(projectFolder, 'images/guard/guard.c');
const FOLDER = join(projectFolder, 'dist/images/guard');
const FLAGS = ['-std=c11', '-Os', '-Wall', '-Wextra', '-Werror', '-static', '-s'];
/** musl's makes a tenth of the size. */
const COMPILERS = ['musl-gcc', 'cc'];
/** Names of architectures: Node's, and the container engines'. */
const ARCHITECTURES = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  ppc64: 'ppc64le',
  s390x: 's390x',
  riscv64: 'riscv64',
};

/**
 * Compiles the guard, the program that agents' containers start with, to dist/images/guard/guard-<architecture> for this
 * machine's architecture. Does nothing when it is there, and on other systems than Linux, which engines do not run on.
 * Without a C compiler agents run without a guard: what that means is in docs/operations.md.
 * @param {{ log: (line: string) => void }} options where progress goes, line by line
 */
export function ensureGuard({ log }) {
  const architecture = ARCHITECTURES[arch()];
  if (platform() !== 'linux' || !architecture) return;
  const program = join(FOLDER, `guard-${architecture}`);
  const stamp = `${program}.of`;
  const wanted = digest(readFileSync(SOURCE), ...FLAGS);
  if (readIfThere(stamp) === wanted && readIfThere(program) !== null) return;
  mkdirSync(FOLDER, { recursive: true });
  const refusals = [];
  for (const compiler of COMPILERS) {
    const made = `${program}.${process.pid}`;
    const { error, status, stderr } = spawnSync(compiler, [...FLAGS, '-o', made, SOURCE], { encoding: 'utf8' });
    if (status === 0) {
      // One that is there may just be read by a worker.
      renameSync(made, program);
      writeFileSync(stamp, wanted);
      return;
    }
    refusals.push(`${compiler}: ${error ? error.message : stderr.trim().split('\n')[0]}`);
  }
  // One of an earlier source would not be what is built here.
  for (const old of [program, stamp]) rmSync(old, { force: true });
  log(`Agents will run without a guard, which needs a C compiler and static libraries (${refusals.join('; ')})`);
}
