import { DockerHttpError } from '../../kit/services/docker-http';
import type { PlannedFault } from '../plan';
import type { FaultTargets } from './fault-targets';

const CALL_TIMEOUT_MS = 5_000;

interface Listed {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
}

/** `docker kill` of one running container of some run. Nothing is counted where nothing was killed. */
export async function killContainer(targets: FaultTargets, fault: PlannedFault): Promise<null> {
  const victim = await pickVictim(targets, fault);
  if (victim === null) return null;
  const since = new Date();
  if (!(await isPerhapsKilled(targets, victim))) return null;
  const detail = `run ${victim.Labels['crewtab.run'] ?? ''}, agent ${victim.Labels['crewtab.agent'] ?? ''}`;
  targets.faultLog.note({ kind: fault.kind, target: victim.Names.join(), detail }, since);
  return null;
}

/** Null: nothing runs, or the engine is down. */
async function pickVictim(targets: FaultTargets, fault: PlannedFault): Promise<Listed | null> {
  const filters = JSON.stringify({ label: [`crewtab.installation=${targets.installationId}`], status: ['running'] });
  const path = `/containers/json?filters=${encodeURIComponent(filters)}`;
  const answer = await targets.docker.http.call({ path, timeoutMs: CALL_TIMEOUT_MS }).catch(() => '[]');
  const running = JSON.parse(answer) as Listed[];
  return running[Math.floor(fault.chance * running.length)] ?? null;
}

/** False only where the engine refused, since the container had just ended: a lost answer does not say that it lives. */
async function isPerhapsKilled({ docker }: FaultTargets, { Id }: Listed): Promise<boolean> {
  try {
    await docker.http.call({ method: 'POST', path: `/containers/${Id}/kill`, timeoutMs: CALL_TIMEOUT_MS });
    return true;
  } catch (error) {
    return !(error instanceof DockerHttpError);
  }
}
