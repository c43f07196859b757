import type { PlannedFault } from '../plan';
import type { Battlefield, Pause } from './battlefield';

export function harmPostgres(field: Battlefield, fault: PlannedFault, pause: Pause): Promise<string | null> {
  return field.resources.hold('postgres', async () => {
    const how = fault.kind === 'postgres-kill' ? 'kill' : 'fast';
    const end = begin(field, fault, `${how}, down for ${fault.durationMs} ms`);
    await field.postgres.goDown(how);
    await pause(fault.durationMs);
    await field.postgres.comeUp();
    end();
  });
}

export async function harmDockerd(field: Battlefield, fault: PlannedFault, pause: Pause): Promise<string | null> {
  if (field.docker.whyGiven !== null) return field.docker.whyGiven;
  return field.resources.hold('dockerd', async () => {
    const end = begin(field, fault, `SIGKILL, down for ${fault.durationMs} ms`);
    await field.docker.kill();
    await pause(fault.durationMs);
    await field.docker.comeUp();
    end();
  });
}

export async function harmRedis(field: Battlefield, fault: PlannedFault, pause: Pause): Promise<string | null> {
  const { redis } = field;
  if (fault.kind === 'redis-disk-full' && redis.disk === null) return 'this user may not mount a small disk';
  return field.resources.hold('redis', async () => {
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
        if (fault.kind === 'redis-restore') await redis.restore();
        await redis.comeUp();
    }
    end();
  });
}

function begin(field: Battlefield, { kind, target }: PlannedFault, detail: string): () => void {
  return field.faultLog.begin({ kind, target, detail });
}
