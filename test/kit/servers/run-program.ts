import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** @throws Error with the program's own words. */
export async function runProgram(file: string, args: readonly string[]): Promise<void> {
  await run(file, args, { timeout: 20_000 });
}
