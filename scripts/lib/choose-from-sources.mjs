import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chooseShare } from './choose-share.mjs';
import { numberFrom } from './commit.mjs';
import { projectFolder } from './project.mjs';

/** Crash points that CI has the time for, each played twice. */
const POINTS_LIMIT = 110;
/** Of the points that the landing does not touch, one in so many. */
const POINTS_SHARE = 12;
/** A plan of faults this long has every kind of them. */
const LONG_ENOUGH_MINUTES = 10;
const MUTANTS_LIMIT = 16;
const MUTANTS_SHARE = 6;
/** A mutant of these layers costs minutes, and their groups are played anyway. */
const SLOW_LAYERS = ['crash sweep', 'e2e'];

/** Read from the sources once: it takes seconds. */
let pointsByFile = null;

/**
 * The crash points that CI plays: those in files that the landing touches, and one in twelve of the others.
 * @param {import('../proof-groups.mjs').ProofContext} context
 * @returns {{ pattern: string, note: string }} for CRASH_POINTS
 */
export function choosePoints({ commit, changed }) {
  pointsByFile ??= loadTypeScript('test/crash/points/points-by-file.ts').pointsByFile();
  const touched = new Set(changed.flatMap((path) => [...(pointsByFile.get(path) ?? [])]));
  const points = [...new Set([...pointsByFile.values()].flatMap((some) => [...some]))].sort();
  const isTouched = (point) => touched.has(point);
  const share = Math.ceil(points.filter((point) => !isTouched(point)).length / POINTS_SHARE);
  const { chosen, ...counts } = chooseShare(points, {
    ...{ limit: POINTS_LIMIT, share, seed: commit, isTouched },
    nameOf: (point) => point,
  });
  return { pattern: `^(${chosen.join('|').replaceAll('.', '\\.')})$`, note: noteOn(counts, points.length, 'points') };
}

/**
 * The mutants that CI plants: those in files that the landing touches, or for specs that it touches, and
 * some others.
 * @param {import('../proof-groups.mjs').ProofContext} context
 */
export async function chooseMutants({ commit, changed }) {
  const { MUTANTS } = loadTypeScript('test/mutants/mutants.ts');
  const quick = MUTANTS.filter(({ caughtBy }) => !SLOW_LAYERS.includes(caughtBy.layer));
  const touched = new Set();
  for (const mutant of quick) if (await isTouched(mutant, changed)) touched.add(mutant);
  const { chosen, ...counts } = chooseShare(quick, {
    ...{ limit: MUTANTS_LIMIT, share: MUTANTS_SHARE, seed: commit },
    nameOf: ({ name }) => name,
    isTouched: (mutant) => touched.has(mutant),
  });
  const slow = `; ${MUTANTS.length - quick.length} for ${SLOW_LAYERS.join(' and ')} are never among them`;
  return { names: chosen.map(({ name }) => name), note: noteOn(counts, MUTANTS.length, 'mutants') + slow };
}

/** Where the files that a mutant spoils, or the specs that must notice it, are among those that changed. */
async function isTouched({ edits, caughtBy }, changed) {
  if (changed.some((path) => path.startsWith(caughtBy.specs ?? '/'))) return true;
  const edited = new Map();
  for (const edit of edits) {
    // To look for the place takes long, and only a change in this part of the project can make a difference.
    if (!changed.some((path) => path === edit.within || path.startsWith(`${edit.within}/`))) continue;
    const { plantEdit } = loadTypeScript('test/mutants/plant-edit.ts');
    const { file, source } = await plantEdit(projectFolder, edit, edited);
    if (changed.includes(file)) return true;
    edited.set(file, source);
  }
  return false;
}

/**
 * The seed of a short chaos run: the first, of those that follow from the commit, whose plan has every kind of fault.
 * @param {string} commit
 * @param {number} minutes
 */
export function chooseChaosSeed(commit, minutes) {
  const { planFaults } = loadTypeScript('test/chaos/plan.ts');
  const countKinds = (seed, forMinutes) => new Set(planFaults(seed, forMinutes * 60_000).map(({ kind }) => kind)).size;
  const all = countKinds(numberFrom(commit), LONG_ENOUGH_MINUTES);
  for (let attempt = 0; ; attempt++) {
    const seed = numberFrom(`${commit} ${attempt}`);
    if (countKinds(seed, minutes) === all) return seed;
  }
}

function noteOn({ touched, others, touchedLeftOut }, total, what) {
  const left = touchedLeftOut > 0 ? `; ${touchedLeftOut} more in changed files have no time` : '';
  return `${touched + others} of ${total} ${what}: ${touched} in changed files, ${others} of the others by the commit's turn${left}`;
}

function loadTypeScript(path) {
  const require = createRequire(import.meta.url);
  require(join(projectFolder, 'test/support/typescript-hook.cjs'));
  return require(join(projectFolder, path));
}
