import type { PlannedFault } from '../plan';
import type { Battlefield, Pause } from './battlefield';

/** What a process promises to end within after SIGTERM, ms. */
const SHUTDOWN_LIMIT_MS = 10_000;

/** kill -9 and a start after a while, or SIGSTOP and SIGCONT. One that has just ended by itself is passed over. */
export function harmProcess(field: Battlefield, fault: PlannedFault, pause: Pause): Promise<string | null> {
  const member = field.fleet.member(fault.target);
  return field.resources.holdInTurn(member.name, async () => {
    if (!member.isRunning) return;
    const isKill = fault.kind.startsWith('kill');
    const end = field.faultLog.begin({
      kind: fault.kind,
      target: member.name,
      detail: `${isKill ? 'SIGKILL, down' : 'SIGSTOP'} for ${fault.durationMs} ms`,
    });
    if (isKill) await member.kill();
    else member.stopClock();
    await pause(fault.durationMs);
    if (isKill) member.start();
    else member.continue();
    end();
  });
}

/** SIGTERM to one after the other, each started again at once, as an upgrade does it. */
export async function restartAll(field: Battlefield): Promise<string | null> {
  for (const member of field.fleet.members) {
    await field.resources.holdInTurn(member.name, async () => {
      if (!member.isRunning) return;
      const end = field.faultLog.begin({ kind: 'rolling-restart', target: member.name, detail: 'SIGTERM' });
      await member.end(SHUTDOWN_LIMIT_MS);
      member.start();
      end();
    });
  }
  return null;
}
