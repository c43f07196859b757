import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endInOrder, SLOWNESS } from './cell';
import { startRun } from './run-case';
import { SCENARIOS, type Scenario } from './scenarios';
import type { Stand } from './stand';

const ENDED_WITHIN_MS = 180_000 * SLOWNESS;

/** Plays a scenario undisturbed. @returns how often its worker passed each point */
export async function recordRun(scenario: Scenario, stand: Stand): Promise<Map<string, number>> {
  const file = join(stand.cell.dataDir, `passed-${SCENARIOS.indexOf(scenario)}`);
  const recorder = stand.startRecorder(file, scenario);
  const run = await startRun(scenario, stand);
  await scenario.during?.(run, { cell: stand.cell, api: stand.api, armed: recorder });
  // A worker that cannot remove anything never finishes its run: it hands it on when it ends.
  const seen = await stand.api.untilRun(
    run.id,
    ({ phase, finishedAt }) => (scenario.usesUp ? finishedAt !== null : phase === 'finished'),
    ENDED_WITHIN_MS,
  );
  if (scenario.endsWorker) await recorder.exited;
  // Before it ends: what every worker passes on its way out is no part of a scenario that does not make it end.
  const passed = await readFile(file, 'utf8');
  await endInOrder(recorder);
  const outcome = seen.error ? `${seen.status}/${seen.error.code}` : seen.status;
  if (!scenario.ends.test(outcome))
    throw new Error(`undisturbed, "${scenario.name}" ends as ${outcome}: ${JSON.stringify(seen)}\n${recorder.tail()}`);
  await stand.api.untilFinished(run.id, ENDED_WITHIN_MS);
  const counts = new Map<string, number>();
  for (const point of passed.trim().split('\n')) counts.set(point, (counts.get(point) ?? 0) + 1);
  return counts;
}
