/** The layers of proof, but for chaos, which takes minutes for each mutant. docs/reliability.md says what each is for. */
export type Layer = 'unit' | 'exhaustive search' | 'simulator' | 'integration' | 'crash sweep' | 'e2e';

/**
 * Replaces a piece of code, which must stand exactly once in its part of the project. It is compared token by token, so that
 * code may be laid out anew, commented and moved to another file of that part, and the mutant still fits.
 */
export interface Edit {
  /** A folder such as `libs/orchestrator`, or one file. */
  readonly within: string;
  /** The function, method, class or constant that it stands in, where the code alone would be found more than once. */
  readonly inside?: string;
  readonly search: string;
  readonly replace: string;
}

/** A fault of the kind that this product must not have, and who must notice it. */
export interface Mutant {
  /** Kebab-case, for `npm run mutants -- --only`. */
  readonly name: string;
  /** What goes wrong with it, in a sentence. */
  readonly breaks: string;
  readonly edits: readonly Edit[];
  /** The layer that must notice, and where in it. */
  readonly caughtBy: BySpecs | BySimulator;
}

export interface BySpecs {
  readonly layer: Exclude<Layer, 'simulator'>;
  /** A spec file or folder. */
  readonly specs: string;
  /** Part of the full name of the tests to run; without it all of `specs`. */
  readonly tests?: string;
  /** What chooses a part of the layer where its tests do not: of the crash sweep, its points. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface BySimulator {
  readonly layer: 'simulator';
  /** The first so many histories: a fault that needs more to show would slip through a short run. */
  readonly histories: number;
}

/** Jest's project for a layer's specs. */
const PROJECTS: Readonly<Record<BySpecs['layer'], string>> = {
  unit: 'unit',
  'exhaustive search': 'unit',
  integration: 'integration',
  'crash sweep': 'crash',
  e2e: 'e2e',
};

/** What these layers run is the compiled apps. */
const COMPILED: ReadonlySet<Layer> = new Set(['crash sweep', 'e2e']);

export function needsBuild({ caughtBy }: Pick<Mutant, 'caughtBy'>): boolean {
  return COMPILED.has(caughtBy.layer);
}

/** Layers with a Postgres and a Redis. */
export function needsServices({ caughtBy }: Mutant): boolean {
  return caughtBy.layer === 'integration' || needsBuild({ caughtBy });
}

/** Added to the environment of that command. */
export function environmentFor({ caughtBy }: Mutant): Readonly<Record<string, string>> {
  return caughtBy.layer === 'simulator' ? {} : (caughtBy.env ?? {});
}

/** What Node is given to run the layer. Mutants with equal commands and environments share one run without any mutant. */
export function commandFor({ caughtBy }: Mutant): string[] {
  if (caughtBy.layer === 'simulator') return ['scripts/simulate.mjs', '--seeds', String(caughtBy.histories)];
  const { layer, specs, tests } = caughtBy;
  const only = tests === undefined ? [] : ['-t', tests];
  return ['node_modules/jest/bin/jest.js', specs, '--selectProjects', PROJECTS[layer], ...only];
}
