import { setTimeout as delay } from 'node:timers/promises';
import { effect } from '@crewtab/domain/failpoint';
import type { Leftover, RunResources, TeardownReport } from '@crewtab/domain/ports/runtime';
import type { ClusterObject, Pod } from './cluster/api-objects';
import type { ClusterClient } from './cluster/cluster-client';
import { ClusterRefusal, toAppError } from './cluster/cluster-errors';
import { countResources, groupByRun, labelSelector, type FoundObject } from './run-labels';

/** With 0 the API forgets a pod at once, whose processes live on for seconds. */
const LEAST_GRACE_SECONDS = 1;
const LOOK_MS = 100;

export async function findObjects(
  client: ClusterClient,
  installationId: string,
  runId?: string,
): Promise<{ readonly found: FoundObject[]; readonly at: Date }> {
  const selector = labelSelector(installationId, runId);
  try {
    const [pods, configMaps] = await Promise.all([client.list('pods', selector), client.list('configmaps', selector)]);
    return {
      found: [
        ...pods.items.map((object) => ({ kind: 'pod', object }) as const),
        ...configMaps.items.map((object) => ({ kind: 'config map', object }) as const),
      ],
      at: pods.at,
    };
  } catch (error) {
    throw toAppError(error);
  }
}

export async function listRuns(client: ClusterClient, installationId: string): Promise<RunResources[]> {
  const { found, at } = await findObjects(client, installationId);
  return groupByRun(found, at.getTime());
}

/**
 * Removes everything with the run's labels, and asks until the cluster knows nothing of it. Safe to repeat and to run twice at once.
 * Pods first, with the grace; then the owner, which the cluster keeps until all that it owns is gone.
 */
export async function tearDown(
  client: ClusterClient,
  installationId: string,
  runId: string,
  graceMs: number,
): Promise<TeardownReport> {
  const graceSeconds = Math.max(LEAST_GRACE_SECONDS, Math.ceil(graceMs / 1_000));
  const { found } = await findObjects(client, installationId, runId);
  const reasons = new Map<string, string>();
  const remove = async (one: FoundObject): Promise<void> => {
    try {
      await removeOne(client, one, graceSeconds);
    } catch (error) {
      if (!(error instanceof ClusterRefusal)) throw error;
      reasons.set(keyOf(one), error.words);
    }
  };
  await Promise.all(found.filter(({ kind }) => kind === 'pod').map(remove));
  await Promise.all(found.filter(({ kind }) => kind !== 'pod').map(remove));
  const left = await untilGone(client, installationId, runId, graceSeconds * 1_000, reasons);
  const stays = new Set(left.map(keyOf));
  return {
    removed: countResources(found.filter((one) => !stays.has(keyOf(one)))),
    left: left.map((one) => leftoverOf(one, reasons)),
  };
}

async function removeOne(client: ClusterClient, one: FoundObject, gracePeriodSeconds: number): Promise<void> {
  if (one.kind === 'pod') {
    await effect('kubernetes.pod.remove', () => client.remove('pods', one.object, { gracePeriodSeconds }));
  } else {
    const options = { propagationPolicy: 'Foreground' };
    await effect('kubernetes.config-map.remove', () => client.remove('configmaps', one.object, options));
  }
}

/** @returns what is still there when the time is up, or what the cluster refused to remove */
async function untilGone(
  client: ClusterClient,
  installationId: string,
  runId: string,
  graceMs: number,
  reasons: ReadonlyMap<string, string>,
): Promise<FoundObject[]> {
  const giveUpAt = performance.now() + graceMs + client.limits.removalMs;
  for (;;) {
    const { found } = await findObjects(client, installationId, runId);
    const isPassing = found.some((one) => !reasons.has(keyOf(one)));
    if (found.length === 0 || !isPassing || performance.now() > giveUpAt) return found;
    await delay(LOOK_MS);
  }
}

function keyOf({ kind, object: { metadata } }: FoundObject): string {
  return `${kind} ${metadata.uid ?? metadata.name}`;
}

function leftoverOf(one: FoundObject, reasons: ReadonlyMap<string, string>): Leftover {
  const { kind, object } = one;
  return { kind, name: object.metadata.name, reason: reasons.get(keyOf(one)) ?? whyStill(one, object) };
}

function whyStill({ kind }: FoundObject, { metadata, ...rest }: ClusterObject): string {
  if (metadata.deletionTimestamp === undefined) return `the ${kind} appeared while the others were removed`;
  const { spec } = rest as Partial<Pod>;
  const node = spec?.nodeName === undefined ? '' : ` on node ${spec.nodeName}`;
  return `deleted at ${metadata.deletionTimestamp}, and still ending${node}`;
}
