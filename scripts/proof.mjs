// npm run proof: everything that npm test has no time for, in groups. scripts/proof-groups.mjs says which.
import { parseArgs } from 'node:util';
import { readCommit, readLanding, sayCommit } from './lib/commit.mjs';
import { describePlan, planCi } from './lib/plan-ci.mjs';
import { playGroups, stagesOf } from './lib/play-groups.mjs';
import { prepareTests } from './lib/prepare-tests.mjs';
import { describeLastProof } from './lib/proof-record.mjs';
import { endScriptsOnSignals } from './lib/stage-process.mjs';
import { StageRunner } from './lib/stage-runner.mjs';
import { CI_BUDGET_MINUTES, PROOF_GROUPS } from './proof-groups.mjs';

const HELP = `npm run proof [-- options]: all that npm test has no time for, in groups

  --list           the groups: how long each takes, what it proves, and what its last run showed
  --only a,b       only these groups
  --ci             what CI plays at this commit: the groups whose files the landing changed, and of each a part
  --help           this text

Seeds follow from the commit, and from the day unless it is what CI plays. Each group can also be had by its own
command, with options: npm run simulate, chaos, mutants, figures, test:crash, test:e2e.`;

const options = parse(process.argv.slice(2));
if (typeof options === 'string') {
  console.error(`${options}\n\n${HELP}`);
  process.exitCode = 2;
} else if (options.help) console.log(HELP);
else if (options.list) list();
else process.exitCode = await play(options);

function parse(args) {
  try {
    const { values } = parseArgs({
      args,
      options: {
        list: { type: 'boolean', default: false },
        only: { type: 'string' },
        ci: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    const only = values.only?.split(',') ?? PROOF_GROUPS.map(({ name }) => name);
    const unknown = only.filter((name) => !PROOF_GROUPS.some((group) => group.name === name));
    return unknown.length > 0 ? `there is no group ${unknown.join(', ')}` : { ...values, only };
  } catch (error) {
    return error.message;
  }
}

function list() {
  const indent = ' '.repeat(20);
  for (const { name, proves, usually } of PROOF_GROUPS) {
    console.log(`${name.padEnd(11)}${usually.padEnd(9)}${proves}`);
    console.log(`${indent}last: ${describeLastProof(name).replaceAll('\n', `\n${indent}`)}`);
  }
  console.log('\nWhich files a group proves stands in scripts/proof-groups.mjs.');
}

async function play({ only, ci }) {
  endScriptsOnSignals();
  const commit = readCommit();
  const { files, since } = readLanding();
  sayCommit(commit);
  const plays = ci ? chooseForCi(files, since, only) : chooseWhole(only);
  const runner = new StageRunner();
  if (await prepareTests(runner)) {
    const stages = await stagesOf(plays, { commit: commit.hash, changed: files, day: today() });
    runner.expect(stages.length);
    await playGroups(runner, stages, { commit: commit.hash, hasChanges: commit.hasChanges });
  }
  return runner.finish();
}

function chooseWhole(only) {
  return PROOF_GROUPS.filter(({ name }) => only.includes(name)).map((group) => ({ group, isPart: false }));
}

function chooseForCi(changed, since, only) {
  const plan = planCi({ groups: PROOF_GROUPS, changed, budgetMinutes: CI_BUDGET_MINUTES });
  console.log(`${changed.length} files changed since ${since}.\n${describePlan(plan)}`);
  return plan.chosen.filter(({ group }) => only.includes(group.name)).map(({ group }) => ({ group, isPart: true }));
}

function today() {
  return new Date().toISOString().slice(0, 10);
}
