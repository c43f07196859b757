import type { PlannedFault } from '../plan';
import type { FaultTargets, Pause } from './fault-targets';
import { killContainer } from './kill-container';
import { injectLinkFault } from './link-faults';
import { injectProcessFault, restartAll } from './process-faults';
import { injectDockerdFault, injectPostgresFault, injectRedisFault } from './service-faults';

/** Does one fault and undoes it after its time. @returns why it could not be done, or null. */
export async function injectFault(targets: FaultTargets, fault: PlannedFault, pause: Pause): Promise<string | null> {
  switch (fault.kind) {
    case 'kill-worker':
    case 'kill-scheduler':
    case 'stop-worker':
    case 'stop-scheduler':
      return injectProcessFault(targets, fault, pause);
    case 'rolling-restart':
      return restartAll(targets);
    case 'redis-flush':
    case 'redis-restore':
    case 'redis-kill':
    case 'redis-disk-full':
    case 'redis-stop':
      return injectRedisFault(targets, fault, pause);
    case 'postgres-restart':
    case 'postgres-kill':
    case 'postgres-stop':
      return injectPostgresFault(targets, fault, pause);
    case 'dockerd-kill':
    case 'dockerd-restart':
    case 'dockerd-stop':
      return injectDockerdFault(targets, fault, pause);
    case 'clock-shift':
      return shiftClock(targets, fault, pause);
    case 'container-kill':
      return killContainer(targets, fault);
    case 'cut':
    case 'slow':
    case 'half-open':
    case 'cut-one':
    case 'lose-reply':
    case 'hiccup':
      return injectLinkFault(targets, fault, pause);
  }
}

async function shiftClock(targets: FaultTargets, fault: PlannedFault, pause: Pause): Promise<string | null> {
  const { clock } = targets;
  if (clock === null) return 'libfaketime is not on this machine';
  return targets.locks.holdInTurn('clock', async () => {
    const seconds = fault.chance < 0.5 ? -3_600 : 3_600;
    const end = targets.faultLog.begin({ kind: fault.kind, target: fault.target, detail: `${seconds} s` });
    clock.shift(seconds);
    await pause(fault.durationMs);
    clock.shift(0);
    end();
  });
}
