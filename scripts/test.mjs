// npm test: what a change usually breaks. Plain Node, because it runs before the first installation.
import { readCommit, sayCommit } from './lib/commit.mjs';
import { everydayStages } from './lib/everyday-stages.mjs';
import { prepareTests } from './lib/prepare-tests.mjs';
import { endScriptsOnSignals } from './lib/stage-process.mjs';
import { StageRunner } from './lib/stage-runner.mjs';

const HELP = `npm test: what a change usually breaks, within ten minutes on two idle cores

npm run proof has everything else: npm run proof -- --list`;

if (process.argv.includes('--help')) console.log(HELP);
else process.exitCode = await main();

async function main() {
  endScriptsOnSignals();
  const commit = readCommit();
  const stages = everydayStages(commit.hash);
  const runner = new StageRunner();
  runner.expect(stages.length);
  console.log(`npm test, within 10 min on two idle cores:\n${stages.map(({ title }) => `   ${title}`).join('\n')}`);
  sayCommit(commit);
  if (await prepareTests(runner)) await runner.runAll(stages);
  return runner.finish();
}
