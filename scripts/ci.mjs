// What .ci/run calls once packages and engine are there: npm test, then the groups of npm run proof that a landing needs.
import { readCommit, readLanding, sayCommit } from './lib/commit.mjs';
import { everydayStages } from './lib/everyday-stages.mjs';
import { planCi } from './lib/plan-ci.mjs';
import { playGroups } from './lib/play-groups.mjs';
import { prepareTests } from './lib/prepare-tests.mjs';
import { endScriptsOnSignals } from './lib/stage-process.mjs';
import { StageRunner } from './lib/stage-runner.mjs';
import { CI_BUDGET_MINUTES, PROOF_GROUPS } from './proof-groups.mjs';

/** From the start of this program. */
const LIMIT_MS = 24 * 60_000;

endScriptsOnSignals();
process.exitCode = await main();

async function main() {
  const commit = readCommit();
  const { files, since } = readLanding();
  const stages = everydayStages(commit.hash);
  const plan = planCi({ groups: PROOF_GROUPS, changed: files, budgetMinutes: CI_BUDGET_MINUTES });
  sayCommit(commit);
  sayPlan(plan, files.length, since);
  const runner = new StageRunner(stages.length + plan.chosen.length);
  if (!(await prepareTests(runner))) return runner.finish();
  await runner.runAll(stages);
  const context = { commit: commit.hash, hasChanges: commit.hasChanges, changed: files, day: '' };
  const late = await playGroups(
    runner,
    plan.chosen.map(({ group }) => ({ group, isPart: true })),
    context,
    LIMIT_MS,
  );
  sayLeftOut(runner, plan, late);
  return runner.finish();
}

function sayPlan({ chosen, leftOut }, changed, since) {
  console.log(`npm test, then proof of what changed: ${changed} files since ${since}.`);
  for (const { group, why } of chosen) console.log(`   ${group.name}: ${why}`);
  for (const { name, why } of leftOut) console.log(`   not ${name}: ${why}`);
}

/** Nothing is dropped in silence: what there was no time for counts as skipped. */
function sayLeftOut(runner, { leftOut }, late) {
  const missed = [...leftOut.filter(({ isForTime }) => isForTime), ...late];
  for (const { name, why } of missed) console.log(`\nLeft out: ${name}, ${why}: npm run proof -- --only ${name}`);
  runner.addSkipped(missed.length);
}
