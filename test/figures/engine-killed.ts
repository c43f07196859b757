import { setTimeout as delay } from 'node:timers/promises';
import { scaled, type Figure } from './figure';
import { harmless } from './rolling-restarts';
import { StreamingRuns } from './streaming-runs';

const KILLS = 10;
const RUNS_AT_ONCE = 6;
/** Up and down for as long as this at most, each time. */
const UP_MS = 15_000;
const DOWN_MS = 5_000;

export const engineKilled: Figure = {
  name: 'engine-killed',
  about: 'dockerd kill -9 with live-restore during runs: none failed',
  async measure({ install, scale, random, log }) {
    const crewtab = await install({ workers: 2, schedulers: 1 });
    if (crewtab.docker.whyNoFaults !== null) throw new Error(crewtab.docker.whyNoFaults);
    const streaming = await StreamingRuns.start(crewtab, RUNS_AT_ONCE);
    const kills = scaled(KILLS, scale);
    for (let kill = 1; kill <= kills; kill++) {
      await delay(random.next() * UP_MS);
      await crewtab.docker.kill();
      const downMs = random.next() * DOWN_MS;
      await delay(downMs);
      await crewtab.docker.restart();
      log(`kill ${kill} of ${kills}: the engine was away for at least ${(downMs / 1_000).toFixed(1)} s`);
    }
    return harmless(`${kills} × dockerd kill -9 with live-restore`, await streaming.end(), log);
  },
};
