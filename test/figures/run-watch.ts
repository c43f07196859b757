import { eventually } from '../kit/wait-for';
import type { MeasuredInstallation } from './installation';

export interface HeldRun {
  readonly id: string;
  readonly epoch: number;
  readonly owner: string | null;
  /** When the lease was last claimed or renewed, ms since 1970 by the database's clock. */
  readonly renewedAt: number;
}

const LOOK_EVERY_MS = 100;
const LEASE_MS = 10_000;

/** Starts so many runs of a schedule. Resolves with their ids when all are being monitored. */
export async function startRuns(
  installation: MeasuredInstallation,
  scheduleId: string,
  count: number,
): Promise<string[]> {
  const runs: string[] = [];
  for (let n = 0; n < count; n++) runs.push((await installation.api().trigger(scheduleId)).id);
  await eventually(async () => (await inPhase(installation, runs, 'monitoring')) === count, {
    timeoutMs: 120_000,
    intervalMs: LOOK_EVERY_MS,
  });
  return runs;
}

async function inPhase(installation: MeasuredInstallation, runs: readonly string[], phase: string): Promise<number> {
  const [row] = await installation.sql<{ runs: number }>(
    'SELECT count(*)::int AS runs FROM schedule_runs WHERE id = ANY ($1) AND phase::text = $2',
    [runs, phase],
  );
  return row?.runs ?? 0;
}

/** The runs that the process with this pid holds: worker ids are host name, pid and a random part. */
export async function heldBy(installation: MeasuredInstallation, pid: number): Promise<HeldRun[]> {
  return (await held(installation)).filter(({ owner }) => owner?.split('-').at(-2) === String(pid));
}

/**
 * Waits until each of these runs has a newer epoch. The claim's instant is what its first lease says, by the database's
 * clock, so looking rarely does not blur it: leases are renewed 2.5 s after a claim at the earliest.
 * @returns when each was claimed, ms since 1970.
 */
export async function adoptionsOf(installation: MeasuredInstallation, before: readonly HeldRun[]): Promise<number[]> {
  const claimedAt = new Map<string, number>();
  const epochs = new Map(before.map(({ id, epoch }) => [id, epoch]));
  const look = async (): Promise<boolean> => {
    for (const { id, epoch, owner, renewedAt } of await held(installation)) {
      const known = epochs.get(id);
      if (known === undefined || epoch <= known || owner === null || claimedAt.has(id)) continue;
      claimedAt.set(id, renewedAt);
    }
    return claimedAt.size === before.length;
  };
  await eventually(look, { timeoutMs: 60_000, intervalMs: LOOK_EVERY_MS });
  return [...claimedAt.values()];
}

async function held(installation: MeasuredInstallation): Promise<HeldRun[]> {
  const rows = await installation.sql<{ id: string; epoch: number; owner: string | null; lease_until: Date | null }>(
    `SELECT id, epoch, owner, lease_until FROM schedule_runs WHERE phase NOT IN ('queued', 'finished')`,
  );
  return rows.map(({ id, epoch, owner, lease_until }) => ({
    id,
    epoch,
    owner,
    renewedAt: (lease_until?.getTime() ?? NaN) - LEASE_MS,
  }));
}
