import { figuresIn, writeProofRecord } from './proof-record.mjs';

/**
 * @typedef {object} Play
 * @property {import('../proof-groups.mjs').ProofGroup} group
 * @property {boolean} isPart what CI plays of it instead of all
 *
 * @typedef {import('./stage-runner.mjs').Stage & { plays: Play[] }} GroupsStage
 */

/**
 * Plays groups as stages, and keeps what each showed.
 * @param {import('./stage-runner.mjs').StageRunner} runner
 * @param {GroupsStage[]} stages
 * @param {{ commit: string, hasChanges: boolean }} context
 * @param {number} [limitMs] a group that would end later after the start of the runner is not begun
 * @returns {Promise<{ name: string, why: string }[]>} those that were not begun
 */
export async function playGroups(runner, stages, { commit, hasChanges }, limitMs = Infinity) {
  const onResult = ({ plays }, { outcome, lines, tookMs }) => {
    for (const { group, isPart } of plays) {
      writeProofRecord(group.name, {
        at: new Date().toISOString(),
        ...{ commit, hasChanges, outcome, tookMs },
        extent: isPart ? 'part' : 'whole',
        figures: figuresIn(lines, group.shows),
        command: `npm run proof -- ${isPart ? '--ci ' : ''}--only ${plays.map((play) => play.group.name).join(',')}`,
      });
    }
  };
  const late = await runner.runAll(stages, { onResult, limitMs });
  const why = 'no time is left for it on this machine';
  return late.flatMap(({ plays }) => plays.map(({ group }) => ({ name: group.name, why })));
}

/**
 * The stages of some groups, in their order. Those that are spec files of one Jest project are played side by side in
 * one run of it.
 * @param {Play[]} plays
 * @param {import('../proof-groups.mjs').ProofContext} context
 * @returns {Promise<GroupsStage[]>}
 */
export async function stagesOf(plays, context) {
  const stages = [];
  for (const play of plays) {
    const stage = await stageOf(play, context);
    const same = stages.find((other) => isSideBySide(other, stage));
    if (same) join(same, stage);
    else stages.push(stage);
  }
  return stages;
}

async function stageOf(play, context) {
  const { group, isPart } = play;
  const { note, ...stage } = await (isPart && group.ci.part ? group.ci.part : group.whole)(context);
  if (note) console.log(`   ${group.name}: ${note}`);
  const isBeside = isPart && group.ci.isBeside === true;
  return {
    ...stage,
    title: `${group.name}: ${group.proves}`,
    isBeside,
    // It takes what the others leave of the machine.
    niceness: isBeside ? 10 : 0,
    minutes: isPart ? group.ci.minutes : 0,
    plays: [play],
  };
}

function isSideBySide(one, other) {
  return one.script === other.script && one.isSuite && !one.env && !other.env && one.args && other.args;
}

function join(stage, other) {
  stage.args = [...stage.args, ...other.args];
  stage.minutes += other.minutes;
  stage.plays = [...stage.plays, ...other.plays];
  stage.title = `${stage.plays.map(({ group }) => group.name).join(', ')}: side by side`;
}
