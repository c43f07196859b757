import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { digest, projectFolder, readIfThere } from './project.mjs';

const SOURCES = join(projectFolder, 'images/guard');
/** Each of one C file, and of the headers beside it. */
const PROGRAMS = ['guard', 'forwarder', 'confine', 'launcher', 'keeper', 'holder'];
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
 * Compiles the programs that agents' containers start with, those of images/guard, to dist/images/guard/<program>-<architecture>
 * for this machine's architecture. Does nothing when they are there, and on other systems than Linux, which engines do not run on.
 * Without a C compiler agents run without them: what that means is in docs/operations.md.
 * @param {{ log: (line: string) => void }} options where progress goes, line by line
 */
export function ensureGuard({ log }) {
  const architecture = ARCHITECTURES[arch()];
  if (platform() !== 'linux' || !architecture) return;
  mkdirSync(FOLDER, { recursive: true });
  const refusals = PROGRAMS.flatMap((program) => compile(program, join(FOLDER, `${program}-${architecture}`)));
  if (refusals.length === 0) return;
  log(
    `Agents will run without a guard and reach no listed hosts: that needs a C compiler and static libraries (${refusals.join('; ')})`,
  );
}

/** Says why no compiler could; says nothing where the program is there. */
function compile(name, program) {
  const source = join(SOURCES, `${name}.c`);
  const stamp = `${program}.of`;
  const headers = readdirSync(SOURCES).filter((file) => file.endsWith('.h'));
  const wanted = digest(
    ...[source, ...headers.map((file) => join(SOURCES, file))].map((file) => readFileSync(file)),
    ...FLAGS,
  );
  if (readIfThere(stamp) === wanted && readIfThere(program) !== null) return [];
  const refusals = [];
  for (const compiler of COMPILERS) {
    const made = `${program}.${process.pid}`;
    const { error, status, stderr } = spawnSync(compiler, [...FLAGS, '-o', made, source], { encoding: 'utf8' });
    if (status === 0) {
      // One that is there may just be read by a worker.
      renameSync(made, program);
      writeFileSync(stamp, wanted);
      return [];
    }
    refusals.push(`${compiler}: ${error ? error.message : stderr.trim().split('\n')[0]}`);
  }
  // One of an earlier source would not be what is built here.
  for (const old of [program, stamp]) rmSync(old, { force: true });
  return refusals;
}
