import type { Run } from '../../kit/client';
import type { StartedProcess } from '../../kit/processes';
import { eventually } from '../../kit/wait-for';
import { endInOrder, LEASE_MS, SLOWNESS, untilReady } from './cell';
import type { CrashCase } from './crash-case';
import { judge } from './judge';
import { LoggedPrompts, RecordedPrompts, type PromptCounter } from './prompt-counter';
import type { Scenario } from './scenarios';
import type { Stand } from './stand';

const HIT_WITHIN_MS = 300_000 * SLOWNESS;
/** After the hit: whatever the crash left, all is over by then. A bound for busy machines, not what is promised. */
const FINISHED_WITHIN_MS = 180_000 * SLOWNESS;
/** How long a stopped worker that goes on has to notice that the run is no longer its own, ms. */
const NOTICED_WITHIN_MS = 1_500;
/** From the end of a run in its row to the worker's word about it, ms. */
const COMES_TO_THE_POINT_WITHIN_MS = 15_000 * SLOWNESS;
/** On a busy machine the armed worker may lose its short lease, and with it the run, before it comes to the point. */
const FRESH_TRIES = 3;

/** Plays one case. @throws Error that tells point, action, what was expected, the run and the last lines of the logs */
export async function runCase(crash: CrashCase, stand: Stand): Promise<void> {
  if (await play(crash, stand, false)) return;
  // What is only passed once in a worker's life is not passed again by one that lives longer.
  for (let tries = 0; tries < FRESH_TRIES; tries++) if (await play(crash, stand, true)) return;
  throw new Error(`${title(crash)}: the point was never passed`);
}

/** @returns false if the run ended without passing the point */
async function play(crash: CrashCase, stand: Stand, isFresh: boolean): Promise<boolean> {
  const { point, hit, action, scenario } = crash;
  const armed = await stand.arm(`${action} ${point} ${hit}`, scenario, isFresh || scenario.usesUp === true);
  const from = armed.lines.length;
  let run: Run | null = null;
  const recorded = scenario.place === 'process' ? new RecordedPrompts(stand.cell.dataDir) : null;
  let counter: PromptCounter | null = recorded;
  try {
    run = await startRun(scenario, stand, recorded?.env);
    counter ??= new LoggedPrompts(run.id);
    void scenario.during?.(run, { cell: stand.cell, api: stand.api, armed }).catch(() => undefined);
    if (!(await isHit(run, stand, armed, from))) return false;
    const { phase } = await stand.api.run(run.id);
    const rescuer = phase === 'queued' ? await startRescuer(stand) : null;
    if (action === 'stop') await resumeOnceAdopted(run, armed, stand);
    const ended = await stand.api.untilFinished(run.id, FINISHED_WITHIN_MS);
    if (action === 'stop') await untilNoticed(armed, from);
    if (rescuer) await endInOrder(rescuer);
    await judge({ crash, stand, ended, phaseAtHit: phase, heard: await counter.close() });
    return true;
  } catch (error) {
    const words = await describe(crash, stand, run, armed, error);
    armed.kill('SIGKILL');
    throw new Error(words, { cause: error });
  } finally {
    await counter?.close();
  }
}

/** @param env added to what the agents have */
export async function startRun(
  { agents, hasOwnBridge = false, workspace = null, prompt, name, schedule: fields }: Scenario,
  { api, cell, materials }: Stand,
  env: Readonly<Record<string, string>> = {},
): Promise<Run> {
  const team = await api.createTeam({
    name: 'Crash',
    workspace,
    agents: agents(materials).map((agent) => ({ ...agent, env: { ...agent.env, ...env } })),
  });
  if (hasOwnBridge) await cell.sql(`UPDATE teams SET network = 'team' WHERE id = $1`, [team.id]);
  const schedule = await api.createSchedule({ teamId: team.id, name, prompt, cron: '0 0 1 1 *', ...fields });
  return api.trigger(schedule.id);
}

/** True as soon as the worker says so; false when the run is over without it. */
async function isHit({ id }: Run, { cell }: Stand, armed: StartedProcess, from: number): Promise<boolean> {
  const hasSaidSo = (): boolean => armed.lines.slice(from).some((line) => line.startsWith('failpoint '));
  const isOver = async (): Promise<boolean> => {
    const finished = await cell.sql(`SELECT 1 FROM schedule_runs WHERE id = $1 AND phase = 'finished'`, [id]);
    return finished.length > 0;
  };
  await eventually(async () => hasSaidSo() || armed.hasExited || (await isOver()), {
    timeoutMs: HIT_WITHIN_MS,
    intervalMs: 100,
  });
  // The row can say that the run is over before the worker comes to the point behind the commit, and says so.
  if (!hasSaidSo() && !armed.hasExited) await untilNoticed(armed, from, COMES_TO_THE_POINT_WITHIN_MS);
  return hasSaidSo();
}

/** The adopter has no capacity for new runs: one that no worker has begun needs a worker that has some. */
function startRescuer({ cell, place }: Stand): Promise<StartedProcess> {
  return untilReady(cell.start('worker', 'rescuer', { env: { CREWTAB_RUNTIME: place } }));
}

/** Goes on when another worker has the run, or none has it any more: the lease has run out then. */
async function resumeOnceAdopted({ id }: Run, armed: StartedProcess, { cell }: Stand): Promise<void> {
  const stoppedAt = performance.now();
  const look = async (): Promise<boolean> => {
    const [row] = await cell.sql<{ phase: string; owner: string | null }>(
      'SELECT phase, owner FROM schedule_runs WHERE id = $1',
      [id],
    );
    const isElsewhere = Boolean(row?.owner) && !row?.owner?.includes(`-${armed.pid}-`);
    return performance.now() - stoppedAt > LEASE_MS + 500 && (isElsewhere || row?.phase === 'finished');
  };
  await eventually(look, { timeoutMs: FINISHED_WITHIN_MS, intervalMs: 100 });
  armed.kill('SIGCONT');
}

/** Until the worker that goes on has come to the point, or has said what it makes of the run; it may have nothing to say. */
async function untilNoticed(armed: StartedProcess, from: number, timeoutMs = NOTICED_WITHIN_MS): Promise<void> {
  await armed
    .waitForLine(/^failpoint |lost the claim|abandoning the run|nothing left|releasing the run/, {
      from,
      timeoutMs,
    })
    .catch(() => undefined);
}

function title({ point, hit, action, scenario }: CrashCase): string {
  return `${action} at ${point}${hit > 1 ? ` (visit ${hit})` : ''}, ${scenario.name}`;
}

async function describe(
  crash: CrashCase,
  { api, adopter }: Stand,
  run: Run | null,
  armed: StartedProcess,
  error: unknown,
): Promise<string> {
  const seen = run ? await api.run(run.id).catch(String) : 'was not started';
  const messages = run ? await api.messages(run.id).catch(() => []) : [];
  const history = messages.map(({ seq, kind, content }) => `  ${seq} ${kind} ${JSON.stringify(content).slice(0, 200)}`);
  return [
    `${title(crash)}: ${error instanceof Error ? error.message : String(error)}`,
    `the run: ${JSON.stringify(seen)}`,
    ...history,
    `the armed worker's last lines:\n${armed.tail(12)}`,
    `the adopter's last lines:\n${adopter.tail(12)}`,
  ].join('\n');
}
