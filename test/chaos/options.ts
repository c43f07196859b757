import { randomInt } from 'node:crypto';

export interface ChaosOptions {
  /** How long the faults last; starting, healing and checking come on top. */
  readonly minutes: number;
  /** Everything that the nemesis does follows from it. */
  readonly seed: number;
  /** Keep the evidence also when nothing was found. */
  readonly isKept: boolean;
  readonly isHelp: boolean;
}

export const HELP = `npm run chaos -- [--minutes 30] [--seed n] [--keep]

Runs two scheduler apps and three workers on a Postgres, a Redis and a Docker engine of their own, injects faults into all
of them for so many minutes, heals, waits until everything has converged, and checks the invariants of docs/reliability.md
offline.

  --minutes n   how long faults are done; default 30, fractions are fine
  --seed n      the plan of faults follows from it; default a random one, which is printed
  --keep        keep the folder with the evidence also when no invariant is violated
  --help        this

Root is needed for an engine of its own (and for the small disk); without it the engine of DOCKER_HOST is used and the
faults of the engine itself are left out. Exit code 1: an invariant is violated or a part of it could not run.`;

/** @throws Error that says which argument is not understood. */
export function parseOptions(args: readonly string[]): ChaosOptions {
  let [minutes, seed, isKept, isHelp] = [30, randomInt(1, 2 ** 31), false, false];
  for (let index = 0; index < args.length; index++) {
    switch (args[index]) {
      case '--minutes':
        minutes = positive('--minutes', args[++index]);
        break;
      case '--seed':
        seed = whole('--seed', args[++index]);
        break;
      case '--keep':
        isKept = true;
        break;
      case '--help':
      case '-h':
        isHelp = true;
        break;
      default:
        throw new Error(`unknown argument ${args[index] ?? ''}`);
    }
  }
  return { minutes, seed, isKept, isHelp };
}

function positive(name: string, text: string | undefined): number {
  const value = Number(text);
  if (text === undefined || !Number.isFinite(value) || value <= 0) throw new Error(`${name} needs a number over 0`);
  return value;
}

function whole(name: string, text: string | undefined): number {
  const value = Number(text);
  if (text === undefined || !Number.isSafeInteger(value) || value < 0) throw new Error(`${name} needs a whole number`);
  return value;
}
