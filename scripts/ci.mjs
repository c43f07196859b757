// What .ci/run calls once packages and engine are there: npm test, then the groups of npm run proof that a landing needs.
import { readCommit, readLanding, sayCommit } from './lib/commit.mjs';
import { everydayStages } from './lib/everyday-stages.mjs';
import { describePlan, planCi } from './lib/plan-ci.mjs';
import { playGroups, stagesOf } from './lib/play-groups.mjs';
import { prepareTests } from './lib/prepare-tests.mjs';
import { endScriptsOnSignals } from './lib/stage-process.mjs';
import { StageRunner } from './lib/stage-runner.mjs';
import { CI_BUDGET_MINUTES, PROOF_GROUPS } from './proof-groups.mjs';

/** From the start of this program; packages and the engine came before. */
const LIMIT_MS = 23 * 60_000;

endScriptsOnSignals();
process.exitCode = await main();

async function main() {
  const commit = readCommit();
  const { files, since } = readLanding();
  const stages = everydayStages(commit.hash);
  const plan = planCi({ groups: PROOF_GROUPS, changed: files, budgetMinutes: CI_BUDGET_MINUTES });
  sayCommit(commit);
  console.log(`npm test, then proof of what changed: ${files.length} files since ${since}.\n${describePlan(plan)}`);
  const plays = plan.chosen.map(({ group }) => ({ group, isPart: true }));
  const runner = new StageRunner();
  if (!(await prepareTests(runner))) return runner.finish();
  const proof = await stagesOf(plays, { commit: commit.hash, changed: files, day: '' });
  runner.expect(stages.length + proof.length);
  await runner.runAll(stages);
  const late = await playGroups(runner, proof, { commit: commit.hash, hasChanges: commit.hasChanges }, LIMIT_MS);
  sayLeftOut(runner, plan, late);
  return runner.finish();
}

/** What there was no time for counts as skipped. */
function sayLeftOut(runner, { leftOut }, late) {
  const missed = [...leftOut.filter(({ isForTime }) => isForTime), ...late];
  for (const { name, why } of missed) console.log(`\nLeft out: ${name}, ${why}: npm run proof -- --only ${name}`);
  runner.addSkipped(missed.length);
}
