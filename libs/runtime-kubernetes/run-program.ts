import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@crewtab/domain/errors';
import { effect } from '@crewtab/domain/failpoint';
import type { AgentSpec, DeploymentSpec, ProgramResult, ProgramSpec } from '@crewtab/domain/ports/runtime';
import { followProgram } from '@crewtab/program-output/follow-program';
import type { Pod } from './cluster/api-objects';
import type { ClusterClient } from './cluster/cluster-client';
import { toAppError } from './cluster/cluster-errors';
import { ensureOwner, ownPod, untilReady, type PodPrograms } from './deploy';
import type { KubernetesSettings } from './kubernetes-options';
import { AgentOutput } from './output/agent-output';
import { inspectAgent } from './output/agent-handle';
import { releaseAgent } from './pod/keeper';
import { ownedBy, podOf } from './pod/pod-spec';
import { copyFiles } from './pod/workspace-files';
import { LABELS } from './run-labels';

/** A program that no worker ends any more is ended by the kubelet, so long after its limit; ms. */
const ORPHAN_GRACE_MS = 120_000;
const LOOK_MS = 100;
/** Such a shell says 127 where there is no program, and 126 where it cannot be run. */
const NOT_FOUND = 127;
const CANNOT_RUN = 126;

interface ProgramDeps {
  readonly client: ClusterClient;
  readonly programs: PodPrograms;
  readonly settings: KubernetesSettings;
}

/** See `Runtime.runProgram`: in a pod of its own, with a copy of the run's workspace, which is copied back when it has ended. */
export async function runProgram(
  deps: ProgramDeps,
  deployment: DeploymentSpec,
  program: ProgramSpec,
  signal: AbortSignal,
): Promise<ProgramResult> {
  const { client } = deps;
  if (program.files) throw new AppError('create_failed', 'a program in a pod has no files of its own');
  try {
    const team = await ownPod(client, deployment);
    const pod = await createPod(deps, deployment, program, signal);
    let result: ProgramResult;
    try {
      result = await runIn(client, pod, team, asAgent(program), program, signal);
    } catch (error) {
      // What resists bears the run's label, and falls to the run's teardown.
      await removePod(client, pod).catch(() => undefined);
      throw error;
    }
    await removePod(client, pod);
    return result;
  } catch (error) {
    throw toAppError(error);
  }
}

function asAgent({ name, image, command, env, resources }: ProgramSpec): AgentSpec {
  return { name, image, command, env, resources, stdin: 'once', tools: null };
}

async function createPod(
  { client, programs, settings }: ProgramDeps,
  team: DeploymentSpec,
  program: ProgramSpec,
  signal: AbortSignal,
): Promise<Pod> {
  if (program.image === null) throw new AppError('image_not_found', `program "${program.name}" has no image`);
  const deployment = { ...team, network: program.network };
  const owner = await ensureOwner(client, programs, team, signal);
  const name = `${team.name}-${program.name}-${randomBytes(4).toString('hex')}`;
  const order = {
    name,
    deployment,
    agents: [asAgent(program)],
    owner: ownedBy(owner),
    endsAfterSeconds: Math.ceil((program.timeLimitMs + ORPHAN_GRACE_MS) / 1_000),
    labels: { [LABELS.program]: program.name },
    keeperImage: program.image,
  };
  // It writes to the root of its image as it likes: it stands for one command.
  const made = podOf(order, { ...settings, isRootWritable: true });
  const pod = await effect('kubernetes.program.create', () => client.create('pods', made, signal));
  if (pod === null) throw new AppError('create_failed', `a pod named ${name} exists`, { retryable: true });
  return pod;
}

async function runIn(
  client: ClusterClient,
  pod: Pod,
  team: Pod,
  agent: AgentSpec,
  program: ProgramSpec,
  signal: AbortSignal,
): Promise<ProgramResult> {
  const ready = await untilReady(client, pod, { signal, onProgress: () => undefined });
  await copyFiles(client, team, ready);
  const start = await releaseAgent(client, ready, agent, null);
  if (start.is === 'failed') {
    const exitCode = /no such file/i.test(start.why) ? NOT_FOUND : CANNOT_RUN;
    return { end: 'exited', exitCode, output: `${start.why}\n` };
  }
  const result = await follow(client, ready, program, signal);
  await copyFiles(client, ready, team);
  return result;
}

function follow(
  client: ClusterClient,
  { metadata }: Pod,
  spec: ProgramSpec,
  signal: AbortSignal,
): Promise<ProgramResult> {
  const handle = { pod: metadata.name, uid: metadata.uid ?? '', agent: spec.name };
  const output = new AgentOutput(client, handle, undefined);
  const program = {
    output: output.lines(),
    close: () => output.close(),
    inspect: () => inspectAgent(client, handle),
  };
  return followProgram(program, spec, signal);
}

/** Until the cluster knows it no more: only then nothing of it runs. */
export async function removePod(client: ClusterClient, pod: Pod): Promise<void> {
  await effect('kubernetes.program.remove', () => client.remove('pods', pod, { gracePeriodSeconds: 1 }));
  for (
    const giveUpAt = performance.now() + client.limits.removalMs;
    performance.now() < giveUpAt;
    await delay(LOOK_MS)
  ) {
    const found = await client.get('pods', pod.metadata.name);
    if (found?.metadata.uid !== pod.metadata.uid) return;
  }
  throw new AppError('engine_error', `pod ${pod.metadata.name} of a program is still ending`, { retryable: true });
}
