/** The layers of proof. docs/reliability.md says what each is for. */
export type Layer = 'unit' | 'exhaustive search' | 'simulator' | 'integration' | 'crash sweep' | 'e2e' | 'chaos';

/** Replaces `search`, which must stand in the file exactly once: a mutant that drifted away is an error, not a pass. */
export interface Edit {
  readonly file: string;
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
  readonly caughtBy: {
    readonly layer: Layer;
    /** A spec file or folder. */
    readonly specs: string;
    /** Part of the full name of the tests to run; without it all of `specs`. */
    readonly tests?: string;
  };
}

/** Jest's project for a layer's specs. Simulator and search are specs too; they only have a folder of their own. */
const PROJECTS: Readonly<Record<Layer, string>> = {
  unit: 'unit',
  'exhaustive search': 'unit',
  simulator: 'unit',
  integration: 'integration',
  'crash sweep': 'crash',
  e2e: 'e2e',
  chaos: 'chaos',
};

/** What these layers run is the compiled apps. */
const COMPILED: ReadonlySet<Layer> = new Set(['crash sweep', 'e2e', 'chaos']);

export function needsBuild({ caughtBy }: Mutant): boolean {
  return COMPILED.has(caughtBy.layer);
}

/** Arguments for Jest. Mutants with equal arguments share one run without any mutant. */
export function jestArguments({ caughtBy: { layer, specs, tests } }: Mutant): string[] {
  return [specs, '--selectProjects', PROJECTS[layer], ...(tests === undefined ? [] : ['-t', tests])];
}
