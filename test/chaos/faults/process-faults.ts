import type { PlannedFault } from '../plan';
import type { FaultTargets, Pause } from './fault-targets';

/** What a process promises to end within after SIGTERM, ms. */
const SHUTDOWN_LIMIT_MS = 10_000;

/** kill -9 and a start after a while, or SIGSTOP and SIGCONT. One that has just ended by itself is passed over. */
export function injectProcessFault(targets: FaultTargets, fault: PlannedFault, pause: Pause): Promise<string | null> {
  const process = targets.processes.named(fault.target);
  return targets.locks.holdInTurn(process.name, async () => {
    if (!process.isRunning) return;
    const isKill = fault.kind.startsWith('kill');
    const end = targets.faultLog.begin({
      kind: fault.kind,
      target: process.name,
      detail: `${isKill ? 'SIGKILL, down' : 'SIGSTOP'} for ${fault.durationMs} ms`,
    });
    if (isKill) await process.kill();
    else process.pause();
    await pause(fault.durationMs);
    if (isKill) process.start();
    else process.resume();
    end();
  });
}

/** SIGTERM to one after the other, each started again at once, as an upgrade does it. */
export async function restartAll(targets: FaultTargets): Promise<string | null> {
  for (const process of targets.processes.all) {
    await targets.locks.holdInTurn(process.name, async () => {
      if (!process.isRunning) return;
      const end = targets.faultLog.begin({ kind: 'rolling-restart', target: process.name, detail: 'SIGTERM' });
      await process.end(SHUTDOWN_LIMIT_MS);
      process.start();
      end();
    });
  }
  return null;
}
