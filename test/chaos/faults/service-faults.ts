import type { PlannedFault } from '../plan';
import type { FaultTargets, Pause } from './fault-targets';

export function injectPostgresFault(targets: FaultTargets, fault: PlannedFault, pause: Pause): Promise<string | null> {
  const { postgres } = targets;
  return targets.locks.holdInTurn('postgres', async () => {
    if (fault.kind === 'postgres-stop') return pauseServer(targets, fault, postgres, pause);
    const how = fault.kind === 'postgres-kill' ? 'kill' : 'fast';
    const end = begin(targets, fault, `${how}, down for ${fault.durationMs} ms`);
    await postgres.shutDown(how);
    await pause(fault.durationMs);
    await postgres.restart();
    end();
  });
}

export async function injectDockerdFault(
  targets: FaultTargets,
  fault: PlannedFault,
  pause: Pause,
): Promise<string | null> {
  const { docker } = targets;
  if (docker.whyNoFaults !== null) return docker.whyNoFaults;
  return targets.locks.holdInTurn('dockerd', async () => {
    if (fault.kind === 'dockerd-stop') return pauseServer(targets, fault, docker, pause);
    const isKill = fault.kind === 'dockerd-kill';
    const end = begin(targets, fault, `${isKill ? 'SIGKILL' : 'SIGTERM'}, down for ${fault.durationMs} ms`);
    await (isKill ? docker.kill() : docker.shutDown());
    await pause(fault.durationMs);
    await docker.restart();
    end();
  });
}

export async function injectRedisFault(
  targets: FaultTargets,
  fault: PlannedFault,
  pause: Pause,
): Promise<string | null> {
  const { redis } = targets;
  if (fault.kind === 'redis-disk-full' && redis.disk === null) return 'this user may not mount a small disk';
  return targets.locks.holdInTurn('redis', async () => {
    if (fault.kind === 'redis-stop') return pauseServer(targets, fault, redis, pause);
    const end = begin(targets, fault, fault.durationMs > 0 ? `for ${fault.durationMs} ms` : 'at once');
    switch (fault.kind) {
      case 'redis-flush':
        await redis.flush();
        break;
      case 'redis-disk-full':
        await redis.disk?.fill();
        await pause(fault.durationMs);
        await redis.disk?.empty();
        break;
      default:
        await redis.kill();
        await pause(fault.durationMs);
        if (fault.kind === 'redis-restore' && !(await redis.restore())) throw new Error('no snapshot was kept');
        await redis.restart();
    }
    end();
  });
}

interface Pausable {
  pause(): Promise<void>;
  resume(): void;
}

async function pauseServer(targets: FaultTargets, fault: PlannedFault, server: Pausable, pause: Pause): Promise<void> {
  const end = begin(targets, fault, `SIGSTOP for ${fault.durationMs} ms`);
  await server.pause();
  await pause(fault.durationMs);
  server.resume();
  end();
}

function begin(targets: FaultTargets, { kind, target }: PlannedFault, detail: string): () => void {
  return targets.faultLog.begin({ kind, target, detail });
}
