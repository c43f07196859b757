import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** @returns where raw-sockets.c lies, compiled to a static program, in a folder that is the caller's to remove */
export function compileRawSockets(): { readonly folder: string; readonly program: string } {
  const folder = mkdtempSync(join(tmpdir(), 'raw-sockets-'));
  const program = join(folder, 'raw-sockets');
  const source = resolve(__dirname, 'raw-sockets.c');
  const compiles = (compiler: string): boolean =>
    spawnSync(compiler, ['-static', '-Os', '-s', '-o', program, source]).status === 0;
  if (!compiles('musl-gcc') && !compiles('cc'))
    throw new Error('no compiler makes static programs: install gcc and libc6-dev');
  return { folder, program };
}

/** What worked of what it tried. */
export function workedOf(output: string): string[] {
  return output.split('\n').flatMap((line) => /^(.*): works$/.exec(line)?.[1] ?? []);
}
