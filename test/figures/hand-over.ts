import { scaled, timed, type Figure } from './figure';
import { adoptionsOf, heldBy, startRuns } from './run-watch';

const RUNS = 6;
const SIGNALS = 15;

export const handOver: Figure = {
  name: 'hand-over',
  about: 'worker SIGTERM → its runs claimed by another one',
  async measure({ install, scale, log }) {
    const crewtab = await install({ workers: 2, schedulers: 1 });
    await startRuns(crewtab, await crewtab.schedule('hang'), RUNS);
    const seconds: number[] = [];
    for (let signal = 1; signal <= scaled(SIGNALS, scale); signal++) {
      const workers = crewtab.runningWorkers();
      const held = await Promise.all(workers.map(({ pid }) => heldBy(crewtab, pid)));
      const index = (held[0]?.length ?? 0) > 0 ? 0 : 1;
      const before = held[index] ?? [];
      const askedAt = await crewtab.now();
      workers[index]?.kill('SIGTERM');
      const claims = await adoptionsOf(crewtab, before);
      seconds.push(...claims.map((at) => (at - askedAt) / 1_000));
      log(
        `SIGTERM ${signal}: ${before.length} runs handed over, the last after ${(Math.max(...claims) - askedAt).toFixed(0)} ms`,
      );
      await workers[index]?.exited;
      await crewtab.startWorker();
    }
    return [timed('worker SIGTERM → claimed by the next one', seconds, { p99: 6 })];
  },
};
