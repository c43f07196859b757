import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { LABELS } from '@crewtab/runtime-docker/resources/run-resources';
import { eventually } from '../kit/wait-for';
import { scaled, timed, type Figure } from './figure';
import type { MeasuredInstallation } from './installation';
import { heldBy, startRuns } from './run-watch';

const CONTAINERS = 30;
const KILLS = 12;
const RUNS_PER_KILL = 3;
/** The reaper looks every 10 s; an orphan appears at any moment between two looks. */
const REAPED_EVERY_MS = 10_000;
/** SIGTERM is ignored, so a teardown takes this long and a kill hits the middle of it. */
const STOP_GRACE_MS = 3_000;

export const orphans: Figure = {
  name: 'orphans',
  about: 'a container that no run needs any more → removed, on a host that can be reached',
  async measure({ install, scale, random, log }) {
    const crewtab = await install({ workers: 2, schedulers: 1, workerEnv: { AGENT_STOP_GRACE: `${STOP_GRACE_MS}ms` } });
    const runId = (await crewtab.api().trigger(await crewtab.schedule('answer done'))).id;
    await crewtab.api().untilFinished(runId);
    const count = scaled(CONTAINERS, scale);
    log(`${count} containers of a finished run, and as many of unknown ones`);
    const lifetimes = (idOf: () => string): Promise<number[]> =>
      Promise.all(Array.from({ length: count }, () => lifetime(crewtab, idOf(), random.next() * REAPED_EVERY_MS)));
    const [finished, unknown] = await Promise.all([lifetimes(() => runId), lifetimes(randomUUID)]);
    const torn: number[] = [];
    for (let kill = 1; kill <= scaled(KILLS, scale); kill++) {
      torn.push(...(await killInTeardown(crewtab, random.next() * STOP_GRACE_MS * 0.8)));
      log(`worker killed in the middle of teardowns, ${kill}: clean after ${torn.at(-1)?.toFixed(2)} s`);
    }
    return [
      timed('container of a finished run → removed', finished, { p99: 30 }),
      timed('container of an unknown run → removed', unknown, { p99: 30 }),
      timed('worker killed in a teardown: terminal status → all removed and verified', torn, { p99: 30 }),
    ];
  },
};

/** Makes a container with the labels of that run after a while. @returns seconds until the engine does not know it */
async function lifetime(crewtab: MeasuredInstallation, runId: string, afterMs: number): Promise<number> {
  const { http } = crewtab.docker;
  await delay(afterMs);
  const [installation] = await crewtab.sql<{ id: string }>('SELECT id FROM installation');
  const name = `figures-${randomBytes(6).toString('hex')}`;
  await http.call({
    method: 'POST',
    path: `/containers/create?name=${name}`,
    json: {
      Image: crewtab.image,
      Labels: {
        [LABELS.installation]: installation?.id,
        [LABELS.run]: runId,
        [LABELS.agent]: 'lead',
        [LABELS.epoch]: '1',
      },
    },
  });
  const madeAt = performance.now();
  await eventually(() => isGone(crewtab, name), { timeoutMs: 120_000, intervalMs: 200 });
  return (performance.now() - madeAt) / 1_000;
}

async function isGone(crewtab: MeasuredInstallation, name: string): Promise<boolean> {
  const filters = encodeURIComponent(JSON.stringify({ name: [name] }));
  return (await crewtab.docker.http.call({ path: `/containers/json?all=1&filters=${filters}` })).trim() === '[]';
}

/** Runs are cancelled, and their worker is killed so long after it, while it waits for their agents to end. */
async function killInTeardown(crewtab: MeasuredInstallation, afterMs: number): Promise<number[]> {
  const scheduleId = await crewtab.schedule('hang', { env: { DEMO_IGNORE_SIGTERM: '1' } });
  const runs = await startRuns(crewtab, scheduleId, RUNS_PER_KILL);
  const [victim] = await busiest(crewtab, runs);
  const held = (await heldBy(crewtab, victim.pid)).map(({ id }) => id).filter((id) => runs.includes(id));
  for (const id of runs) await crewtab.api().cancel(id);
  await Promise.all(runs.map((id) => crewtab.api().untilRun(id, ({ status }) => status === 'cancelled')));
  await delay(afterMs);
  victim.kill('SIGKILL');
  await Promise.all(runs.map((id) => crewtab.api().untilFinished(id, 120_000)));
  await crewtab.startWorker();
  const rows = await crewtab.sql<{ ms: number }>(
    `SELECT (extract(epoch FROM teardown_verified_at - finished_at) * 1000)::float8 AS ms FROM schedule_runs WHERE id = ANY ($1)`,
    [held],
  );
  return rows.map(({ ms }) => ms / 1_000);
}

async function busiest(
  crewtab: MeasuredInstallation,
  runs: readonly string[],
): Promise<[MeasuredInstallation['workers'][number]]> {
  const counted = await Promise.all(
    crewtab.runningWorkers().map(async (worker) => {
      const held = await heldBy(crewtab, worker.pid);
      return { worker, count: held.filter(({ id }) => runs.includes(id)).length };
    }),
  );
  const [first] = counted.sort((a, b) => b.count - a.count);
  if (first === undefined) throw new Error('no worker runs');
  return [first.worker];
}
