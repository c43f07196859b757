import { setTimeout as delay } from 'node:timers/promises';
import { readGuardProgram } from '@crewtab/agent-guard/guard-records';
import { AppError } from '@crewtab/domain/errors';
import { effect } from '@crewtab/domain/failpoint';
import type { AgentSpec, DeploymentSpec, DeployOptions } from '@crewtab/domain/ports/runtime';
import type { ConfigMap, Pod } from './cluster/api-objects';
import type { ClusterClient, Kind, Kinds } from './cluster/cluster-client';
import { aborted, ClusterRefusal } from './cluster/cluster-errors';
import type { KubernetesSettings } from './kubernetes-options';
import { ownedBy, ownerConfigMap, podOf, runPolicy } from './pod/pod-spec';
import { readinessOf } from './pod/pod-state';
import { belongsToRun } from './run-labels';

const PROGRAMS = ['guard', 'launcher', 'forwarder', 'keeper'] as const;
/** Of one object of the API, bytes: those that a C library makes ten times as large do not fit. */
const MOST_BYTES = 1024 * 1024;
const LOOK_MS = 200;

/** Reads our programs once. */
export class PodPrograms {
  private found: Promise<ReadonlyMap<string, Buffer>> | null = null;

  constructor(private readonly settings: Pick<KubernetesSettings, 'programFolder' | 'architecture'>) {}

  /** @throws AppError `guard_missing` */
  all(): Promise<ReadonlyMap<string, Buffer>> {
    this.found ??= this.read().catch((error: unknown) => {
      this.found = null;
      throw error;
    });
    return this.found;
  }

  private async read(): Promise<ReadonlyMap<string, Buffer>> {
    const { programFolder, architecture } = this.settings;
    const read = new Map<string, Buffer>();
    for (const name of PROGRAMS) {
      const program = await readGuardProgram(programFolder, name, architecture);
      if (program === null) throw missing(`lacks its program "${name}" for ${architecture}`);
      read.set(name, program);
    }
    const bytes = [...read.values()].reduce((sum, { length }) => sum + length, 0);
    if (bytes > MOST_BYTES) throw missing(`has programs of ${bytes} bytes, of which the cluster takes ${MOST_BYTES}`);
    return read;
  }
}

function missing(what: string): AppError {
  const cure =
    'install musl-gcc (Debian: apt-get install musl-tools) and run `npm run build`, or use the published image';
  return new AppError('guard_missing', `this build ${what}: ${cure}`);
}

/** Get-or-create of the owner of all that the run has in the cluster. */
export async function ensureOwner(
  client: ClusterClient,
  programs: PodPrograms,
  deployment: DeploymentSpec,
  signal: AbortSignal,
): Promise<ConfigMap> {
  const owner = ownerConfigMap(deployment, await programs.all());
  const create = () => effect('kubernetes.config-map.create', () => client.create('configmaps', owner, signal));
  return getOrCreate(client, 'configmaps', owner, deployment, create);
}

/** Get-or-create of what keeps the run's pods from the network, before there are any. */
export async function ensurePolicy(
  client: ClusterClient,
  deployment: DeploymentSpec,
  owner: ConfigMap,
  signal: AbortSignal,
): Promise<void> {
  const policy = runPolicy(deployment, ownedBy(owner));
  const create = () => effect('kubernetes.policy.create', () => client.create('networkpolicies', policy, signal));
  await getOrCreate(client, 'networkpolicies', policy, deployment, create);
}

/** Get-or-create of the team's pod, without waiting for it. */
export async function ensurePod(
  client: ClusterClient,
  deployment: DeploymentSpec,
  owner: ConfigMap,
  settings: KubernetesSettings,
  { signal, now = () => new Date() }: DeployOptions,
): Promise<Pod> {
  const leftMs = deployment.deadlineAt.getTime() - now().getTime() + settings.deadlineGraceMs;
  const endsAfterSeconds = Math.max(1, Math.ceil(leftMs / 1_000));
  const { name, agents } = deployment;
  const pod = podOf({ name, deployment, agents, owner: ownedBy(owner), endsAfterSeconds }, settings);
  const create = () => effect('kubernetes.pod.create', () => client.create('pods', pod, signal));
  return getOrCreate(client, 'pods', pod, deployment, create);
}

/** The run's pod. @throws AppError where there is none, or where its name belongs to another run */
export async function ownPod(client: ClusterClient, deployment: DeploymentSpec): Promise<Pod> {
  const { name } = deployment;
  const pod = await client.get('pods', name);
  if (pod === null) throw new AppError('create_failed', `pod ${name} is gone`);
  return ownOrThrow('pods', pod, deployment);
}

async function getOrCreate<K extends Kind>(
  client: ClusterClient,
  kind: K,
  object: Kinds[K],
  deployment: DeploymentSpec,
  create: () => Promise<Kinds[K] | null>,
): Promise<Kinds[K]> {
  const { name } = object.metadata;
  try {
    const found = (await create()) ?? (await client.get(kind, name));
    if (found !== null) return ownOrThrow(kind, found, deployment);
  } catch (error) {
    throw error instanceof ClusterRefusal ? refused(error) : error;
  }
  throw new AppError('create_failed', `${name} came and went while it was made`, { retryable: true });
}

function ownOrThrow<K extends Kind>(kind: K, found: Kinds[K], { installationId, runId }: DeploymentSpec): Kinds[K] {
  const { name } = found.metadata;
  if (belongsToRun(found, installationId, runId)) return found;
  const what = { pods: 'pod', configmaps: 'config map', networkpolicies: 'network policy' }[kind];
  throw new AppError('name_conflict', `a ${what} named ${name} exists that does not belong to this run`);
}

/** A quota is free again when other pods have ended: that is waited for. */
function refused(refusal: ClusterRefusal): AppError {
  const isPassing = refusal.statusCode === 403 && /exceeded quota/i.test(refusal.words);
  return new AppError('create_failed', refusal.words, { retryable: isPassing, cause: refusal });
}

/** Until every container of the pod runs and waits at its gate. @throws AppError that says in the cluster's words why it will not */
export async function untilReady(
  client: ClusterClient,
  pod: Pod,
  { signal, onProgress }: Pick<DeployOptions, 'signal' | 'onProgress'>,
): Promise<Pod> {
  let told: string | null = null;
  for (;;) {
    if (signal.aborted) throw aborted();
    const found = await client.get('pods', pod.metadata.name);
    if (found?.metadata.uid !== pod.metadata.uid)
      throw new AppError('create_failed', `pod ${pod.metadata.name} was removed while it was made`, {
        retryable: true,
      });
    const readiness = readinessOf(found as Pod);
    if (readiness.is === 'ready') return found as Pod;
    if (readiness.is === 'failed') throw readiness.error;
    if (readiness.progress !== null && readiness.progress !== told) {
      told = readiness.progress;
      onProgress(told);
    }
    await delay(LOOK_MS);
  }
}

/** Its own name in the pod; an agent that the pod was made without cannot be added. */
export function throwUnlessIn(pod: Pod, agent: AgentSpec): void {
  if (pod.spec.containers.some(({ name }) => name === agent.name)) return;
  throw new AppError(
    'create_failed',
    `pod ${pod.metadata.name} was made without a container for agent "${agent.name}"`,
  );
}
