import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the guard (images/guard/guard.c) and what it keeps lie in a container, whose layer they die with. */
export const GUARD_FOLDER = '/.crewtab';
export const GUARD_PROGRAM = `${GUARD_FOLDER}/guard`;
/** All records of the guard, in the order of the log. */
export const KEPT_OUTPUT = `${GUARD_FOLDER}/output`;
/** The exit code of the agent, once all that it said is kept. */
export const KEPT_END = `${GUARD_FOLDER}/ended`;

/** The command that starts an agent under the guard, which ends it after so many seconds. */
export function guardedCommand(command: readonly string[], endsAfterSeconds: number): string[] {
  return [GUARD_PROGRAM, GUARD_FOLDER, String(endsAfterSeconds), ...command];
}

/** The exit code in the text of KEPT_END. Null where the guard was killed, or had no room to write it. */
export function keptExitCode(text: string): number | null {
  return /^\d{1,3}$/.test(text) ? Number(text) : null;
}

/**
 * The guard of a build, for one architecture as container engines name it (`amd64`, `arm64`). Null where there is none.
 * @param folder with `guard-<architecture>` files
 */
export async function readGuardProgram(folder: string, architecture: string): Promise<Buffer | null> {
  try {
    return await readFile(join(folder, `guard-${architecture}`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
