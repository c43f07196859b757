import { commandFor, environmentFor, type Mutant } from './mutant';
import { runLayer, type LayerVerdict } from './run-layer';
import type { Workshop } from './workshop';

/** What became of one mutant. Only `caught` is good. */
export type Hunt =
  | { readonly mutant: Mutant; readonly result: 'caught'; readonly test: string; readonly tookMs: number }
  | { readonly mutant: Mutant; readonly result: 'survived'; readonly tookMs: number }
  | { readonly mutant: Mutant; readonly result: 'error'; readonly words: string };

/**
 * Plants each mutant alone and asks its layer. A layer that fails without any mutant catches nothing, so each distinct
 * run is made once on the untouched copy first.
 */
export async function huntMutants(
  workshop: Workshop,
  mutants: readonly Mutant[],
  onHunted: (hunt: Hunt) => void,
): Promise<Hunt[]> {
  const untouched = new Map<string, LayerVerdict>();
  const hunts: Hunt[] = [];
  for (const mutant of mutants) {
    const key = JSON.stringify([commandFor(mutant), environmentFor(mutant)]);
    const before = untouched.get(key) ?? (await runLayer(workshop.folder, mutant));
    untouched.set(key, before);
    const hunt = before.kind === 'passed' ? await huntOne(workshop, mutant) : notSound(mutant, before);
    hunts.push(hunt);
    onHunted(hunt);
  }
  return hunts;
}

async function huntOne(workshop: Workshop, mutant: Mutant): Promise<Hunt> {
  const startedAt = performance.now();
  try {
    const verdict = await workshop.withEdits(mutant.edits, () => runLayer(workshop.folder, mutant));
    const tookMs = Math.round(performance.now() - startedAt);
    switch (verdict.kind) {
      case 'failed':
        return { mutant, result: 'caught', test: verdict.test, tookMs };
      case 'passed':
        return { mutant, result: 'survived', tookMs };
      case 'broken':
        return { mutant, result: 'error', words: `nothing was tested with it: ${verdict.words}` };
    }
  } catch (error) {
    return { mutant, result: 'error', words: error instanceof Error ? error.message : String(error) };
  }
}

function notSound(mutant: Mutant, verdict: Exclude<LayerVerdict, { kind: 'passed' }>): Hunt {
  const words = verdict.kind === 'failed' ? `"${verdict.test}" fails` : verdict.words;
  return { mutant, result: 'error', words: `its layer does not pass even without it: ${words}` };
}
