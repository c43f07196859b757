import { explore } from './explore';
import { UNFOLDED, type Scope } from './model';

/** The search that is too long for a test: stale workers are played too. Prints what it found; answers the exit code. */
export function searchAll(print: (line: string) => void, scope: Scope = UNFOLDED): number {
  const startedAt = performance.now();
  print('looking at every way that a run with two workers can go; it takes minutes, and 2 GB of memory');
  const { states, edges, steps, broken, stuck } = explore(scope);
  for (const [what, times] of [...steps].sort(([a], [b]) => (a < b ? -1 : 1)))
    print(`  ${what}: ${times.toLocaleString('en')}`);
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  print(`${states.toLocaleString('en')} states, ${edges.toLocaleString('en')} steps, ${seconds} s`);
  const [shortest] = stuck;
  if (!broken && !shortest) {
    print('nothing forbidden can be reached, and from everywhere the run can still end with nothing left');
    return 0;
  }
  const noEnd = `from ${stuck.length.toLocaleString('en')} states the run can no longer end with nothing left`;
  print(`${broken?.what ?? noEnd}; the shortest way there:`);
  for (const [index, what] of (broken?.path ?? shortest ?? []).entries()) print(`  ${index + 1}. ${what}`);
  return 1;
}
