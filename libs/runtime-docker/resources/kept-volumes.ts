import type { KeptWorkspace, WorkspaceKeeper } from '@crewtab/domain/ports/kept-workspaces';
import { isRefusal, toAppError, type EngineClient } from '../engine/engine-client';
import { readDiskUsage } from './disk-usage';
import { labelFilter, LABELS, type Labels } from './run-resources';

/** A name that no run's volume has. */
export function keptName({ scheduleId, generation }: KeptWorkspace): string {
  return `crewtab-kept-${scheduleId}-${generation}`;
}

/** Without a run's: no run's teardown removes it, and no receipt counts it. */
export function keptLabels(
  { installationId }: { readonly installationId: string },
  { scheduleId, generation }: KeptWorkspace,
): Record<string, string> {
  return {
    [LABELS.installation]: installationId,
    [LABELS.schedule]: scheduleId,
    [LABELS.generation]: String(generation),
  };
}

export function isKept(
  labels: Labels | null | undefined,
  installationId: string,
  { scheduleId, generation }: KeptWorkspace,
): boolean {
  const found = keptOf(labels, installationId);
  return found?.scheduleId === scheduleId && found.generation === generation;
}

function keptOf(labels: Labels | null | undefined, installationId: string): KeptWorkspace | null {
  const scheduleId = labels?.[LABELS.schedule];
  const generation = Number(labels?.[LABELS.generation]);
  if (!scheduleId || !Number.isSafeInteger(generation) || labels?.[LABELS.installation] !== installationId) return null;
  return { scheduleId, generation };
}

/** Volumes that stay between the runs of a schedule. */
export class KeptVolumes implements WorkspaceKeeper {
  constructor(private readonly engine: EngineClient) {}

  async list(installationId: string): Promise<KeptWorkspace[]> {
    const filters = { label: [...labelFilter(installationId), LABELS.schedule] };
    try {
      const { Volumes: found } = await this.engine.read('list kept volumes', (abortSignal) =>
        this.engine.docker.listVolumes({ filters, abortSignal }),
      );
      return (found ?? []).flatMap(({ Labels: labels }) => keptOf(labels, installationId) ?? []);
    } catch (error) {
      throw toAppError(error);
    }
  }

  async measure(installationId: string): Promise<ReadonlyMap<string, number> | null> {
    const usage = await readDiskUsage(this.engine);
    if (!usage) return null;
    const newest = new Map<string, { readonly generation: number; readonly bytes: number }>();
    for (const { Labels: labels, UsageData: data } of usage.Volumes ?? []) {
      const kept = keptOf(labels, installationId);
      if (!kept || (newest.get(kept.scheduleId)?.generation ?? 0) > kept.generation) continue;
      newest.set(kept.scheduleId, { generation: kept.generation, bytes: data?.Size ?? 0 });
    }
    return new Map([...newest].map(([scheduleId, { bytes }]) => [scheduleId, bytes]));
  }

  async remove(installationId: string, one: KeptWorkspace): Promise<boolean> {
    const name = keptName(one);
    const { engine } = this;
    try {
      const volume = engine.docker.getVolume(name);
      const { Labels: labels } = await engine.read(`inspect volume ${name}`, (abortSignal) =>
        volume.inspect({ abortSignal }),
      );
      if (!isKept(labels, installationId, one)) return false;
      await engine.mutate('docker.kept-volume.remove', `remove ${name}`, { priority: 'teardown' }, (abortSignal) =>
        volume.remove({ abortSignal }),
      );
      return true;
    } catch (error) {
      if (isRefusal(error, 404)) return true;
      if (isRefusal(error, 409)) return false;
      throw toAppError(error);
    }
  }
}
