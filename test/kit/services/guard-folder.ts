import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

/** The guards of the build: tests run the sources, beside which there are none. */
export const GUARD_FOLDER = resolve(__dirname, '../../../dist/images/guard');

/** `describe` where the build has a guard; otherwise its tests are skipped, and the title says why. */
export function describeWithGuard(name: string, define: () => void): void {
  if (guardOfThisMachine() !== null) describe(name, define);
  // Agents run without a guard on such a machine, and so does the product: there is nothing to test.
  else describe.skip(`${name} (skipped: the build has no guard, which needs a C compiler: npm run build)`, define);
}

/** The program that this machine can run; null where the build has none. */
export function guardOfThisMachine(): string | null {
  return programOfThisMachine('guard');
}

/** As above, of the program that leads out of a container without a network. */
export function forwarderOfThisMachine(): string | null {
  return programOfThisMachine('forwarder');
}

/** As above, of the program that starts another one with the usual sockets. */
export function confineOfThisMachine(): string | null {
  return programOfThisMachine('confine');
}

function programOfThisMachine(name: 'guard' | 'forwarder' | 'confine'): string | null {
  const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? process.arch;
  const program = `${GUARD_FOLDER}/${name}-${architecture}`;
  return existsSync(program) ? program : null;
}
