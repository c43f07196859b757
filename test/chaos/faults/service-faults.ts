import type { PlannedFault } from '../plan';
import type { Battlefield, Pause } from './battlefield';

export function harmPostgres(field: Battlefield, fault: PlannedFault, pause: Pause): Promise<string | null> {
  const { postgres } = field;
  return field.resources.holdInTurn('postgres', async () => {
    if (fault.kind === 'postgres-stop') return standStill(field, fault, postgres, pause);
    const how = fault.kind === 'postgres-kill' ? 'kill' : 'fast';
    const end = begin(field, fault, `${how}, down for ${fault.durationMs} ms`);
    await postgres.goDown(how);
    await pause(fault.durationMs);
    await postgres.comeUp();
    end();
  });
}

export async function harmDockerd(field: Battlefield, fault: PlannedFault, pause: Pause): Promise<string | null> {
  const { docker } = field;
  if (docker.whyGiven !== null) return docker.whyGiven;
  return field.resources.holdInTurn('dockerd', async () => {
    if (fault.kind === 'dockerd-stop') return standStill(field, fault, docker, pause);
    const isKill = fault.kind === 'dockerd-kill';
    const end = begin(field, fault, `${isKill ? 'SIGKILL' : 'SIGTERM'}, down for ${fault.durationMs} ms`);
    await (isKill ? docker.kill() : docker.shutDown());
    await pause(fault.durationMs);
    await docker.comeUp();
    end();
  });
}

export async function harmRedis(field: Battlefield, fault: PlannedFault, pause: Pause): Promise<string | null> {
  const { redis } = field;
  if (fault.kind === 'redis-disk-full' && redis.disk === null) return 'this user may not mount a small disk';
  return field.resources.holdInTurn('redis', async () => {
    if (fault.kind === 'redis-stop') return standStill(field, fault, redis, pause);
    const end = begin(field, fault, fault.durationMs > 0 ? `for ${fault.durationMs} ms` : 'at once');
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
        await redis.comeUp();
    }
    end();
  });
}

interface Stoppable {
  standStill(): Promise<void>;
  continue(): void;
}

async function standStill(field: Battlefield, fault: PlannedFault, place: Stoppable, pause: Pause): Promise<void> {
  const end = begin(field, fault, `SIGSTOP for ${fault.durationMs} ms`);
  await place.standStill();
  await pause(fault.durationMs);
  place.continue();
  end();
}

function begin(field: Battlefield, { kind, target }: PlannedFault, detail: string): () => void {
  return field.faultLog.begin({ kind, target, detail });
}
