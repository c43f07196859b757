import type { PlannedFault } from '../plan';
import type { Battlefield } from './battlefield';

interface Listed {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
}

/** `docker kill` of one running container of some run. */
export async function killContainer(field: Battlefield, fault: PlannedFault): Promise<string | null> {
  const filters = JSON.stringify({ label: [`crewtab.installation=${field.installationId}`], status: ['running'] });
  try {
    const path = `/containers/json?filters=${encodeURIComponent(filters)}`;
    const running = JSON.parse(await field.docker.http.call({ path, timeoutMs: 5_000 })) as Listed[];
    const victim = running[Math.floor(fault.chance * running.length)];
    if (victim === undefined) return null;
    const detail = `run ${victim.Labels['crewtab.run'] ?? ''}, agent ${victim.Labels['crewtab.agent'] ?? ''}`;
    const end = field.faultLog.begin({ kind: fault.kind, target: victim.Names.join(), detail });
    await field.docker.http
      .call({ method: 'POST', path: `/containers/${victim.Id}/kill`, timeoutMs: 5_000 })
      .finally(end);
  } catch {
    // The engine is down, or the container has just ended: there was nothing to kill.
  }
  return null;
}
