import { toAppError, withinLimit, type EngineClient } from '../engine/engine-client';
import { LABELS, type Labels } from './run-resources';

/** What is read of GET /system/df. */
interface DiskUsage {
  readonly Containers:
    | readonly {
        readonly Labels: Labels | null;
        readonly SizeRw?: number;
        readonly Mounts?: readonly { readonly Name?: string }[] | null;
      }[]
    | null;
  readonly Volumes:
    | readonly {
        readonly Name: string;
        readonly Labels: Labels | null;
        readonly UsageData?: { readonly Size: number } | null;
      }[]
    | null;
}

/** Older engines refuse a second question while they answer one. */
const ALREADY_ASKED = /disk usage operation is already running/i;

/** The engine walks through every container and volume of the host for it. Null where it answers another such question. */
export async function readDiskUsage(engine: EngineClient): Promise<DiskUsage | null> {
  try {
    const { stallMs } = engine.limits;
    // Its types know no options.
    const df = engine.docker.df.bind(engine.docker) as (options: object) => Promise<DiskUsage>;
    return await withinLimit('measure the disk', stallMs, (abortSignal) => df({ abortSignal }));
  } catch (error) {
    const refused = toAppError(error);
    if (refused instanceof Error && ALREADY_ASKED.test(refused.message)) return null;
    throw refused;
  }
}

/** See `Runtime.measureDisk`. */
export async function measureDisk(
  engine: EngineClient,
  installationId: string,
): Promise<ReadonlyMap<string, number> | null> {
  const usage = await readDiskUsage(engine);
  if (!usage) return null;
  const bytesByRun = new Map<string, number>();
  const runOf = (labels: Labels | null): string | undefined =>
    labels?.[LABELS.installation] === installationId ? labels[LABELS.run] : undefined;
  const add = (runId: string | undefined, bytes: number): void => {
    // A size of -1: not known.
    if (runId) bytesByRun.set(runId, (bytesByRun.get(runId) ?? 0) + Math.max(0, bytes));
  };
  /** A workspace that is kept bears no run's label: it is that of the run whose containers have it. */
  const runByVolume = new Map<string, string>();
  for (const { Labels: labels, SizeRw: bytes = 0, Mounts: mounts } of usage.Containers ?? []) {
    const runId = runOf(labels);
    add(runId, bytes);
    if (runId) for (const { Name: name } of mounts ?? []) if (name) runByVolume.set(name, runId);
  }
  for (const { Name: name, Labels: labels, UsageData: data } of usage.Volumes ?? []) {
    const isKept = labels?.[LABELS.schedule] !== undefined;
    add(isKept ? runByVolume.get(name) : runOf(labels), data?.Size ?? 0);
  }
  return bytesByRun;
}
