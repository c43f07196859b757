import { toAppError, withinLimit, type EngineClient } from '../engine/engine-client';
import { LABELS, type Labels } from './run-resources';

/** What is read of GET /system/df. */
interface DiskUsage {
  readonly Containers: readonly { readonly Labels: Labels | null; readonly SizeRw?: number }[] | null;
  readonly Volumes:
    readonly { readonly Labels: Labels | null; readonly UsageData?: { readonly Size: number } | null }[] | null;
}

/** Older engines refuse a second question while they answer one. */
const ALREADY_ASKED = /disk usage operation is already running/i;

/** See `Runtime.measureDisk`. The engine walks through every container and volume of the host for it. */
export async function measureDisk(
  engine: EngineClient,
  installationId: string,
): Promise<ReadonlyMap<string, number> | null> {
  let usage: DiskUsage;
  try {
    const { stallMs } = engine.limits;
    // Its types know no options.
    const df = engine.docker.df.bind(engine.docker) as (options: object) => Promise<DiskUsage>;
    usage = await withinLimit('measure the disk', stallMs, (abortSignal) => df({ abortSignal }));
  } catch (error) {
    const refused = toAppError(error);
    if (refused instanceof Error && ALREADY_ASKED.test(refused.message)) return null;
    throw refused;
  }
  const bytesByRun = new Map<string, number>();
  const add = (labels: Labels | null, bytes: number): void => {
    const runId = labels?.[LABELS.run];
    if (!runId || labels?.[LABELS.installation] !== installationId) return;
    // A size of -1: not known.
    bytesByRun.set(runId, (bytesByRun.get(runId) ?? 0) + Math.max(0, bytes));
  };
  for (const { Labels: labels, SizeRw: bytes = 0 } of usage.Containers ?? []) add(labels, bytes);
  for (const { Labels: labels, UsageData: data } of usage.Volumes ?? []) add(labels, data?.Size ?? 0);
  return bytesByRun;
}
