import type { PlannedFault } from '../plan';
import type { Battlefield, Pause } from './battlefield';
import { killContainer } from './kill-container';
import { harmLink } from './link-faults';
import { harmProcess, restartAll } from './process-faults';
import { harmDockerd, harmPostgres, harmRedis } from './service-faults';

/** Does one fault and undoes it after its time. @returns why it could not be done, or null. */
export async function harm(field: Battlefield, fault: PlannedFault, pause: Pause): Promise<string | null> {
  switch (fault.kind) {
    case 'kill-worker':
    case 'kill-scheduler':
    case 'stop-worker':
    case 'stop-scheduler':
      return harmProcess(field, fault, pause);
    case 'rolling-restart':
      return restartAll(field);
    case 'redis-flush':
    case 'redis-restore':
    case 'redis-kill':
    case 'redis-disk-full':
    case 'redis-stop':
      return harmRedis(field, fault, pause);
    case 'postgres-restart':
    case 'postgres-kill':
    case 'postgres-stop':
      return harmPostgres(field, fault, pause);
    case 'dockerd-kill':
    case 'dockerd-restart':
    case 'dockerd-stop':
      return harmDockerd(field, fault, pause);
    case 'clock-shift':
      return shiftClock(field, fault, pause);
    case 'container-kill':
      return killContainer(field, fault);
    case 'cut':
    case 'slow':
    case 'half-open':
    case 'cut-one':
    case 'lose-reply':
    case 'hiccup':
      return harmLink(field, fault, pause);
  }
}

async function shiftClock(field: Battlefield, fault: PlannedFault, pause: Pause): Promise<string | null> {
  const { clock } = field;
  if (clock === null) return 'libfaketime is not on this machine';
  return field.resources.holdInTurn('clock', async () => {
    const seconds = fault.chance < 0.5 ? -3_600 : 3_600;
    const end = field.faultLog.begin({ kind: fault.kind, target: fault.target, detail: `${seconds} s` });
    clock.shift(seconds);
    await pause(fault.durationMs);
    clock.shift(0);
    end();
  });
}
