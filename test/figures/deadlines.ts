import { setTimeout as delay } from 'node:timers/promises';
import { scaled, timed, type Figure } from './figure';
import type { MeasuredInstallation } from './installation';
import { heldBy } from './run-watch';

const ITERATIONS = 5;
const RUNS_PER_ITERATION = 8;
const TIMEOUT_S = 20;
/** Workers are killed at most so long before the deadline. */
const KILLED_BEFORE_MS = 5_000;
/** Between SIGTERM and SIGKILL, as in the harness. */
const STOP_GRACE_S = 1;

export const deadlines: Figure = {
  name: 'deadlines',
  about:
    'deadline → terminal status, and → everything removed; with living workers and with ones that were just killed',
  async measure({ install, scale, random, log }) {
    const crewtab = await install({ workers: 3, schedulers: 1, workerEnv: { AGENT_STOP_GRACE: `${STOP_GRACE_S}s` } });
    const env = { DEMO_IGNORE_SIGTERM: '1' };
    const scheduleId = await crewtab.schedule('hang', { timeout: `${TIMEOUT_S}s`, env });
    const [alive, killed]: [Ended[], Ended[]] = [[], []];
    for (let iteration = 1; iteration <= scaled(ITERATIONS, scale); iteration++) {
      alive.push(...(await endAll(crewtab, await begin(crewtab, scheduleId))));
      const runs = await begin(crewtab, scheduleId);
      const orphaned = await killHolders(crewtab, runs, random.next() * KILLED_BEFORE_MS);
      killed.push(...(await endAll(crewtab, orphaned)));
      log(
        `iteration ${iteration}: terminal ${killed.at(-1)?.terminal.toFixed(2)} s after the deadline without the run's worker`,
      );
      await endAll(crewtab, runs);
      while (crewtab.runningWorkers().length < 3) await crewtab.startWorker();
    }
    const terminal = (ended: readonly Ended[]): number[] => ended.map((each) => each.terminal);
    const clean = (ended: readonly Ended[]): number[] => ended.map((each) => each.clean);
    return [
      timed('deadline → terminal, agent ignores SIGTERM', terminal(alive), { p99: 5 + STOP_GRACE_S }),
      timed('deadline → all removed and verified, likewise', clean(alive), {}),
      timed(`deadline → terminal, worker killed in the last ${KILLED_BEFORE_MS / 1_000} s`, terminal(killed), {
        p99: 5 + STOP_GRACE_S,
      }),
      timed('deadline → all removed and verified, likewise', clean(killed), {}),
    ];
  },
};

interface Ended {
  /** Seconds after the deadline. */
  readonly terminal: number;
  readonly clean: number;
}

async function begin(crewtab: MeasuredInstallation, scheduleId: string): Promise<string[]> {
  const runs = await Promise.all(
    Array.from({ length: RUNS_PER_ITERATION }, async () => (await crewtab.api().trigger(scheduleId)).id),
  );
  await Promise.all(runs.map((id) => crewtab.api().untilRun(id, ({ phase }) => phase === 'monitoring')));
  return runs;
}

/** Kills all workers but one so long before the first deadline. @returns the runs that they held */
async function killHolders(
  crewtab: MeasuredInstallation,
  runs: readonly string[],
  beforeMs: number,
): Promise<string[]> {
  const [first] = await crewtab.sql<{ ms: number }>(
    `SELECT (extract(epoch FROM min(deadline_at) - clock_timestamp()) * 1000)::float8 AS ms FROM schedule_runs WHERE id = ANY ($1)`,
    [runs],
  );
  await delay(Math.max(0, (first?.ms ?? 0) - beforeMs));
  const held: string[] = [];
  for (const worker of crewtab.runningWorkers().slice(1)) {
    held.push(...(await heldBy(crewtab, worker.pid)).map(({ id }) => id).filter((id) => runs.includes(id)));
    worker.kill('SIGKILL');
  }
  return held;
}

async function endAll(crewtab: MeasuredInstallation, runs: readonly string[]): Promise<Ended[]> {
  await Promise.all(runs.map((id) => crewtab.api().untilFinished(id, 120_000)));
  return crewtab.sql<{ terminal: number; clean: number }>(
    `SELECT extract(epoch FROM finished_at - deadline_at)::float8 AS terminal,
       extract(epoch FROM teardown_verified_at - deadline_at)::float8 AS clean
     FROM schedule_runs WHERE id = ANY ($1)`,
    [runs],
  );
}
