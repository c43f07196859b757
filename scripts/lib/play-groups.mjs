import { figuresIn, writeProofRecord } from './proof-record.mjs';

/**
 * @typedef {object} Play
 * @property {import('../proof-groups.mjs').ProofGroup} group
 * @property {boolean} isPart what CI plays of it instead of all
 */

/**
 * Plays groups as stages, and keeps what each showed.
 * @param {import('./stage-runner.mjs').StageRunner} runner
 * @param {Play[]} plays
 * @param {import('../proof-groups.mjs').ProofContext & { hasChanges: boolean }} context
 * @param {number} [limitMs] a group that would end later after the start of the runner is not begun
 * @returns {Promise<{ name: string, why: string }[]>} those that were not begun
 */
export async function playGroups(runner, plays, context, limitMs = Infinity) {
  const stages = [];
  for (const play of plays) stages.push(await stageOf(play, context));
  const onResult = ({ play, command }, { outcome, lines, tookMs }) => {
    writeProofRecord(play.group.name, {
      at: new Date().toISOString(),
      commit: context.commit,
      hasChanges: context.hasChanges,
      extent: play.isPart ? 'part' : 'whole',
      outcome,
      figures: figuresIn(lines, play.group.shows),
      tookMs,
      command,
    });
  };
  const late = await runner.runAll(stages, { onResult, limitMs });
  return late.map(({ play: { group } }) => ({ name: group.name, why: 'no time is left for it on this machine' }));
}

async function stageOf(play, context) {
  const { group, isPart } = play;
  const { name, proves, whole, ci } = group;
  const { note, ...stage } = await (isPart && ci.part ? ci.part : whole)(context);
  if (note) console.log(`   ${name}: ${note}`);
  const isBeside = isPart && ci.isBeside === true;
  return {
    ...stage,
    title: `${name}: ${proves}`,
    isBeside,
    // It takes what the others leave of the machine.
    niceness: isBeside ? 10 : 0,
    minutes: isPart ? ci.minutes : 0,
    play,
    command: `npm run proof -- ${isPart ? '--ci ' : ''}--only ${name}`,
  };
}
