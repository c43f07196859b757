import type { ResourceCounts, RunResources } from '@crewtab/domain/ports/runtime';
import type { EngineClient } from '../engine/engine-client';
import { toAppError } from '../engine/engine-errors';
import { LABELS, labelFilter, type Labels } from './labels';

export type ResourceKind = 'container' | 'network' | 'volume';

/** A container, network or volume on the engine that bears an installation's label. */
export interface EngineResource {
  readonly kind: ResourceKind;
  /** For calls: a container's or network's id, a volume's name. */
  readonly id: string;
  readonly name: string;
  readonly runId: string;
  readonly isRunning: boolean;
  /** Ms since the epoch; NaN where the engine does not say. */
  readonly createdAtMs: number;
}

/** Everything with the labels, in one picture of the engine. Throws AppError. */
export async function findResources(
  engine: EngineClient,
  installationId: string,
  runId?: string,
): Promise<EngineResource[]> {
  const { docker } = engine;
  const filters = { label: labelFilter(installationId, runId) };
  try {
    const [containers, networks, volumes] = await Promise.all([
      engine.read('list containers', (abortSignal) => docker.listContainers({ all: true, filters, abortSignal })),
      engine.read('list networks', (abortSignal) => docker.listNetworks({ filters, abortSignal })),
      engine.read('list volumes', (abortSignal) => docker.listVolumes({ filters, abortSignal })),
    ]);
    return [
      ...containers.map(({ Id: id, Names: names, Labels: labels, State: state, Created: created }) =>
        resource(
          'container',
          id,
          (names[0] ?? id).replace(/^\//, ''),
          labels,
          created * 1000,
          !['created', 'exited', 'dead'].includes(state),
        ),
      ),
      ...networks.map(({ Id: id, Name: name, Labels: labels, Created: created }) =>
        resource('network', id, name, labels, Date.parse(created)),
      ),
      ...(volumes.Volumes ?? []).map((volume) =>
        resource(
          'volume',
          volume.Name,
          volume.Name,
          volume.Labels,
          Date.parse((volume as { CreatedAt?: string }).CreatedAt ?? ''),
        ),
      ),
    ];
  } catch (error) {
    throw toAppError(error);
  }
}

function resource(
  kind: ResourceKind,
  id: string,
  name: string,
  labels: Labels | null | undefined,
  createdAtMs: number,
  isRunning = false,
): EngineResource {
  return { kind, id, name, runId: labels?.[LABELS.run] ?? '', isRunning, createdAtMs };
}

export function countResources(resources: readonly EngineResource[]): ResourceCounts {
  const counts: Partial<Record<ResourceKind, number>> = {};
  for (const { kind } of resources) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** Resources without a run's label are left out. */
export function groupByRun(resources: readonly EngineResource[], nowMs: number): RunResources[] {
  const runs = new Map<string, EngineResource[]>();
  for (const one of resources) {
    if (one.runId !== '') runs.set(one.runId, [...(runs.get(one.runId) ?? []), one]);
  }
  return [...runs].map(([runId, own]) => ({
    runId,
    resources: countResources(own),
    youngestAgeMs: Math.min(
      ...own.map(({ createdAtMs }) => (Number.isNaN(createdAtMs) ? 0 : Math.max(0, nowMs - createdAtMs))),
    ),
  }));
}
