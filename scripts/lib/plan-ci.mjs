import { matchesGlob } from './match-glob.mjs';

/**
 * Which groups CI plays, in the order of the registry, which is the order of their priority.
 * @param {object} landing
 * @param {import('../proof-groups.mjs').ProofGroup[]} landing.groups
 * @param {string[]} landing.changed files of the landing
 * @param {number} landing.budgetMinutes for the groups that run one after the other
 * @returns {{ chosen: { group: import('../proof-groups.mjs').ProofGroup, why: string }[],
 *   leftOut: { name: string, why: string, isForTime: boolean }[] }} every group is in one of the two
 */
export function planCi({ groups, changed, budgetMinutes }) {
  const plan = { chosen: [], leftOut: [] };
  let minutes = 0;
  for (const group of groups) {
    const { name, ci } = group;
    if ('never' in ci) {
      plan.leftOut.push({ name, why: ci.never, isForTime: false });
      continue;
    }
    const hits = changed.filter((path) => group.files.some((glob) => matchesGlob(path, glob)));
    if (hits.length === 0 && !ci.isAlways) {
      plan.leftOut.push({ name, why: 'none of its files changed', isForTime: false });
      continue;
    }
    if (!ci.isBeside && minutes + ci.minutes > budgetMinutes) {
      const why = `its ${ci.minutes} min do not fit any more: ${minutes} of ${budgetMinutes} are given to others`;
      plan.leftOut.push({ name, why, isForTime: true });
      continue;
    }
    if (!ci.isBeside) minutes += ci.minutes;
    plan.chosen.push({ group, why: whyChosen(hits) });
  }
  return plan;
}

/** One line for each group: nothing is dropped unsaid. */
export function describePlan({ chosen, leftOut }) {
  return [
    ...chosen.map(({ group, why }) => `   ${group.name}: ${why}`),
    ...leftOut.map(({ name, why }) => `   not ${name}: ${why}`),
  ].join('\n');
}

function whyChosen(hits) {
  const [first, ...others] = hits;
  if (first === undefined) return 'a share of it is played each time';
  return others.length === 0 ? `${first} changed` : `${first} and ${others.length} more of its files changed`;
}
