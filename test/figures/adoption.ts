import { setTimeout as delay } from 'node:timers/promises';
import { percentile, scaled, timed, type Figure } from './figure';
import { adoptionsOf, heldBy, startRuns } from './run-watch';
import { stalledAfter } from './bullmq-stall';

const RUNS = 6;
const KILLS = 40;
const BULLMQ_JOBS = 20;
/** Kills come at any moment between two renewals. */
const RENEWED_EVERY_MS = 2_500;

export const adoption: Figure = {
  name: 'adoption',
  about: 'worker kill -9 → adopted by another one, beside BullMQ’s stall detection with its defaults',
  async measure({ install, scale, random, log }) {
    const crewtab = await install({ workers: 3, schedulers: 1 });
    const stalled = stalledAfter(crewtab.redis.urlAt(crewtab.redis.port), scaled(BULLMQ_JOBS, scale));
    await startRuns(crewtab, await crewtab.schedule('hang'), RUNS);
    const seconds: number[] = [];
    const kills = scaled(KILLS, scale);
    for (let kill = 1; kill <= kills; kill++) {
      await delay(random.next() * RENEWED_EVERY_MS);
      const [victim, held] = await busiest(crewtab);
      const killedAt = await crewtab.now();
      victim.kill('SIGKILL');
      const claims = await adoptionsOf(crewtab, held);
      seconds.push(...claims.map((at) => (at - killedAt) / 1_000));
      log(`kill ${kill} of ${kills}: ${held.length} runs adopted after ${(seconds.at(-1) ?? NaN).toFixed(2)} s`);
      await crewtab.startWorker();
    }
    const base = await stalled;
    const ratio = percentile(base, 0.5) / percentile(seconds, 0.5);
    return [
      timed(`worker kill -9 → adopted (${kills} kills)`, seconds, { p50: 10, p99: 20 }),
      timed(`the same of BullMQ: worker killed → job active again, ${ratio.toFixed(1)}× ours at p50`, base, {}),
    ];
  },
};

type Busy = readonly [Awaited<ReturnType<Installation['startWorker']>>, Awaited<ReturnType<typeof heldBy>>];
type Installation = Parameters<typeof heldBy>[0];

/** The worker that holds the most runs, and these. */
async function busiest(crewtab: Installation): Promise<Busy> {
  const all = await Promise.all(
    crewtab.runningWorkers().map(async (worker) => [worker, await heldBy(crewtab, worker.pid)] as const),
  );
  const [first] = all.sort(([, a], [, b]) => b.length - a.length);
  if (first === undefined || first[1].length === 0) throw new Error('no worker holds a run');
  return first;
}
