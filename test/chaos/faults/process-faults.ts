import type { PlannedFault } from '../plan';
import type { Battlefield, Pause } from './battlefield';

/** What a process promises to end within after SIGTERM, ms. */
const SHUTDOWN_LIMIT_MS = 10_000;

/** kill -9 and a start after a while, or SIGSTOP and SIGCONT. One that has just ended by itself is passed over. */
export function harmProcess(field: Battlefield, fault: PlannedFault, pause: Pause): Promise<string | null> {
  const process = field.processes.named(fault.target);
  return field.resources.holdInTurn(process.name, async () => {
    if (!process.isRunning) return;
    const isKill = fault.kind.startsWith('kill');
    const end = field.faultLog.begin({
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
export async function restartAll(field: Battlefield): Promise<string | null> {
  for (const process of field.processes.all) {
    await field.resources.holdInTurn(process.name, async () => {
      if (!process.isRunning) return;
      const end = field.faultLog.begin({ kind: 'rolling-restart', target: process.name, detail: 'SIGTERM' });
      await process.end(SHUTDOWN_LIMIT_MS);
      process.start();
      end();
    });
  }
  return null;
}
