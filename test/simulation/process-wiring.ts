import type { Clock } from '@crewtab/domain/ports/clock';
import type { RunStore } from '@crewtab/domain/ports/run-store';
import type { FiringDeps } from '@crewtab/orchestrator/firing/fire-due-schedules';
import { gated, gatedFireStore } from './gated-ports';
import { SimProcess } from './sim-process';
import type { World } from './world';

/** Which process in which place, and for the how many-th time it was started. */
export interface Identity {
  readonly slot: number;
  readonly life: number;
  readonly wallOffsetMs: number;
}

const LIVES = 1_000;

export function hostName(host: number): string {
  return `host-${host + 1}`;
}

export function openProcess(world: World, kind: 'worker' | 'scheduler', identity: Identity): SimProcess {
  const { slot, life, wallOffsetMs } = identity;
  const process = new SimProcess(world, `${kind}-${slot + 1}.${life}`, slot, world.plan.seed + slot * LIVES + life);
  process.wallOffsetMs = wallOffsetMs;
  return process;
}

/** What fires in this process. */
export function wireFiring(world: World, process: SimProcess, clock: Clock, runs: RunStore): FiringDeps {
  return {
    fires: gatedFireStore(process, world.fires, () => world.isCut(process, 'fires'), world.locks),
    runs,
    queue: gated(process, 'queue', world.redis),
    jobSchedulers: gated(process, 'jobSchedulers', world.redis),
    clock,
    logger: world.timeline.loggerOf(process.name),
  };
}
