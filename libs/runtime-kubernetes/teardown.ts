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
const KEPT = 'kept until the pods are gone that it keeps from the network';

export async function findObjects(
  client: ClusterClient,
  installationId: string,
  runId?: string,
): Promise<{ readonly found: FoundObject[]; readonly at: Date }> {
  const selector = labelSelector(installationId, runId);
  try {
    const [pods, policies, configMaps] = await Promise.all([
      client.list('pods', selector),
      client.list('networkpolicies', selector),
      client.list('configmaps', selector),
    ]);
    return {
      found: [
        ...pods.items.map((object) => ({ kind: 'pod', object }) as const),
        ...policies.items.map((object) => ({ kind: 'network policy', object }) as const),
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
  const giveUpAt = performance.now() + graceSeconds * 1_000 + client.limits.removalMs;
  const untilGone = (kinds: readonly FoundObject['kind'][]): Promise<FoundObject[]> =>
    lookUntilGone(client, { installationId, runId, kinds, giveUpAt, reasons });
  await Promise.all(found.filter(({ kind }) => kind === 'pod').map(remove));
  const rest = found.filter(({ kind }) => kind !== 'pod');
  // Without its policy a pod that is still ending would have the network for its last moments.
  const isKept = rest.some(({ kind }) => kind === 'network policy') && (await untilGone(['pod'])).length > 0;
  if (isKept) for (const one of rest) reasons.set(keyOf(one), KEPT);
  else await Promise.all(rest.map(remove));
  const left = await untilGone(['pod', 'network policy', 'config map']);
  const stays = new Set(left.map(keyOf));
  return {
    removed: countResources(found.filter((one) => !stays.has(keyOf(one)))),
    left: left.map((one) => leftoverOf(one, reasons)),
  };
}

async function removeOne(client: ClusterClient, one: FoundObject, gracePeriodSeconds: number): Promise<void> {
  if (one.kind === 'pod') {
    await effect('kubernetes.pod.remove', () => client.remove('pods', one.object, { gracePeriodSeconds }));
  } else if (one.kind === 'network policy') {
    await effect('kubernetes.policy.remove', () => client.remove('networkpolicies', one.object, {}));
  } else {
    const options = { propagationPolicy: 'Foreground' };
    await effect('kubernetes.config-map.remove', () => client.remove('configmaps', one.object, options));
  }
}

interface Look {
  readonly installationId: string;
  readonly runId: string;
  readonly kinds: readonly FoundObject['kind'][];
  readonly giveUpAt: number;
  /** Of what stays, by key: it is not waited for. */
  readonly reasons: ReadonlyMap<string, string>;
}

/** @returns what is still there of these kinds when the time is up, or what is not waited for */
async function lookUntilGone(
  client: ClusterClient,
  { installationId, runId, kinds, giveUpAt, reasons }: Look,
): Promise<FoundObject[]> {
  for (;;) {
    const all = (await findObjects(client, installationId, runId)).found;
    const found = all.filter(({ kind }) => kinds.includes(kind));
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
