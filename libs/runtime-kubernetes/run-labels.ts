import type { DeploymentSpec, ResourceCounts, RunResources } from '@crewtab/domain/ports/runtime';
import type { ClusterObject, Pod } from './cluster/api-objects';

/** Everything that Crewtab makes for a run bears these; what lacks them is never touched. */
export const LABELS = {
  installation: 'crewtab.installation',
  run: 'crewtab.run',
  /** On the pod of a program that is run once. */
  program: 'crewtab.program',
  epoch: 'crewtab.epoch',
  /** On the pods of a test of the cluster, and its policies: which test, and which of them. */
  probe: 'crewtab.probe',
  probeRole: 'crewtab.probe-role',
  /** On pods: the network of their team. Policies of the namespace select them by it. */
  network: 'crewtab.network',
} as const;

/** ISO 8601, which no label may be: past this plus the grace, a pod is an orphan. */
const DEADLINE = 'crewtab/deadline';
/** The name of the pod's keeper among its containers. */
export const KEEPER = 'crewtab/keeper';

export interface RunMetadata {
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
}

export function runMetadata({ installationId, runId, epoch, deadlineAt }: DeploymentSpec): RunMetadata {
  return {
    labels: { [LABELS.installation]: installationId, [LABELS.run]: runId, [LABELS.epoch]: String(epoch) },
    annotations: { [DEADLINE]: deadlineAt.toISOString() },
  };
}

export function belongsToRun({ metadata }: ClusterObject, installationId: string, runId: string): boolean {
  return metadata.labels?.[LABELS.installation] === installationId && metadata.labels[LABELS.run] === runId;
}

/** The API's selector for what belongs to an installation, or to one of its runs. */
export function labelSelector(installationId: string, runId?: string): string {
  const selector = `${LABELS.installation}=${installationId}`;
  return runId === undefined ? selector : `${selector},${LABELS.run}=${runId}`;
}

export type FoundObject =
  | { readonly kind: 'pod'; readonly object: Pod }
  | { readonly kind: 'config map' | 'network policy'; readonly object: ClusterObject };

/** The containers of agents and programs count beside their pods; the keeper is a part of its pod. */
export function countResources(found: readonly FoundObject[]): ResourceCounts {
  const counts: Record<string, number> = {};
  const add = (kind: string, many = 1): void => void (counts[kind] = (counts[kind] ?? 0) + many);
  for (const one of found) {
    add(one.kind);
    const agents = one.kind === 'pod' ? agentContainers(one.object).length : 0;
    if (agents > 0) add('container', agents);
  }
  return counts;
}

export function agentContainers({ metadata, spec }: Pod): string[] {
  const keeper = metadata.annotations?.[KEEPER];
  return spec.containers.map(({ name }) => name).filter((name) => name !== keeper);
}

/** What has no run's label is left out. */
export function groupByRun(found: readonly FoundObject[], nowMs: number): RunResources[] {
  const runs = new Map<string, FoundObject[]>();
  for (const one of found) {
    const runId = one.object.metadata.labels?.[LABELS.run] ?? '';
    if (runId !== '') runs.set(runId, [...(runs.get(runId) ?? []), one]);
  }
  return [...runs].map(([runId, own]) => ({
    runId,
    resources: countResources(own),
    youngestAgeMs: Math.min(...own.map(({ object }) => ageMs(object, nowMs))),
  }));
}

function ageMs({ metadata }: ClusterObject, nowMs: number): number {
  const createdAtMs = Date.parse(metadata.creationTimestamp ?? '');
  return Number.isNaN(createdAtMs) ? 0 : Math.max(0, nowMs - createdAtMs);
}
