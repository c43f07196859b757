import { AppError } from '@crewtab/domain/errors';
import type { AgentProcess } from '@crewtab/domain/ports/runtime';
import type { ContainerStatus, Pod, Termination } from '../cluster/api-objects';
import { KEEPER } from '../run-labels';

/** What Linux says of a process that was killed, and Kubernetes of one whose end it has not seen. */
const KILLED = 137;
/** The reason that the kubelet gives where its engine could not start a container: 128 then, or what the engine chose. */
const NOT_STARTED = ['StartError', 'ContainerCannotRun', 'RunContainerError'];

/**
 * How long after its grace a pod that was deleted may still be told as running, ms: more than a kubelet that restarts takes, and than
 * clocks differ.
 */
const UNHEARD_MS = 60_000;
/** What controllers give as the reason for deleting the pods of a node that does not answer. */
const NODE_GONE = ['DeletionByTaintManager', 'DeletionByPodGC'];

/** The truth about one agent's process, from what the cluster last heard of its pod. */
export function processOf(pod: Pod, agent: string, now = new Date()): AgentProcess {
  const status = statusOf(pod, agent);
  const keeper = statusOf(pod, pod.metadata.annotations?.[KEEPER] ?? '');
  const ended = status?.state?.terminated ?? status?.lastState?.terminated;
  const reason = reasonOf(pod);
  if (ended) return endOf(ended, keeper?.state?.terminated !== undefined, reason);
  // Evicted, preempted, or past its active deadline: what still runs is being killed, and may be told as running for long.
  if (pod.status?.phase === 'Failed') return lost(reason ?? 'the pod failed');
  const node = lostNodeOf(pod, now);
  if (node !== null) return lost(node.why, node.name);
  if (status?.state?.running) {
    const gone = keeper?.state?.terminated;
    if (!gone) return { status: 'running' };
    return lost(`the keeper of the pod has ended (${gone.reason ?? ''}, exit code ${gone.exitCode})`);
  }
  return { status: 'created' };
}

/** False once the keeper has ended, which it does not before its pod is deleted. */
export function hasKeeper(pod: Pod): boolean {
  return statusOf(pod, pod.metadata.annotations?.[KEEPER] ?? '')?.state?.running !== undefined;
}

/** The node that nothing more is heard of, as far as what became of the pod shows it: a worker may not ask for nodes. */
function lostNodeOf(
  { metadata, spec, status }: Pod,
  now: Date,
): { readonly name: string; readonly why: string } | null {
  const name = spec.nodeName;
  if (name === undefined || metadata.deletionTimestamp === undefined) return null;
  if (status?.reason === 'NodeLost') return { name, why: [status.reason, status.message].filter(Boolean).join(': ') };
  const target = status?.conditions?.find(({ type, status: is }) => type === 'DisruptionTarget' && is === 'True');
  if (target && NODE_GONE.includes(target.reason ?? ''))
    return { name, why: [target.reason, target.message].filter(Boolean).join(': ') };
  const isUnheard = now.getTime() - Date.parse(metadata.deletionTimestamp) > UNHEARD_MS;
  return isUnheard
    ? { name, why: `it does not end the pod, which was to be gone at ${metadata.deletionTimestamp}` }
    : null;
}

/** Why the cluster ended the pod: Evicted, Preempting, DeadlineExceeded; null where its containers ended by themselves. */
function reasonOf({ status }: Pod): string | null {
  if (status?.reason === undefined) return null;
  return [status.reason, status.message].filter((part) => part !== undefined && part !== '').join(': ');
}

function endOf(ended: Termination, hasNoKeeper: boolean, endedBy: string | null): AgentProcess {
  const wasStarted = !NOT_STARTED.includes(ended.reason ?? '');
  return {
    status: 'exited',
    exitCode: ended.exitCode,
    // Also said where only a child was killed for it, and the agent went on.
    isOutOfMemory: ended.reason === 'OOMKilled' && ended.exitCode === KILLED,
    message: wasStarted ? '' : (ended.message ?? ended.reason ?? ''),
    mayLackOutput: wasStarted && (hasNoKeeper || endedBy !== null),
    ...(endedBy === null ? {} : { endedBy }),
  };
}

function lost(endedBy: string, lostNode?: string): AgentProcess {
  const end = { exitCode: KILLED, isOutOfMemory: false, message: '', mayLackOutput: true, endedBy };
  return { status: 'exited', ...end, ...(lostNode === undefined ? {} : { lostNode }) };
}

function statusOf({ status }: Pod, container: string): ContainerStatus | undefined {
  return status?.containerStatuses?.find(({ name }) => name === container);
}

export type Readiness =
  /** Every container runs, or has run. */
  | { readonly is: 'ready' }
  /** `progress`: for people, in the cluster's words; null where there is nothing to say. */
  | { readonly is: 'waiting'; readonly progress: string | null }
  | { readonly is: 'failed'; readonly error: AppError };

/** How far a pod is on its way to having all of its containers, each waiting at its gate. */
export function readinessOf(pod: Pod): Readiness {
  const { status } = pod;
  if (pod.metadata.deletionTimestamp !== undefined)
    return failed('create_failed', `pod ${pod.metadata.name} is being deleted`, true);
  for (const { name } of pod.spec.containers) {
    const error = faultOf(name, statusOf(pod, name));
    if (error) return { is: 'failed', error };
  }
  const isEach = (has: (one: ContainerStatus | undefined) => boolean): boolean =>
    pod.spec.containers.every(({ name }) => has(statusOf(pod, name)));
  if (isEach((one) => one?.state?.running !== undefined || one?.state?.terminated !== undefined))
    return { is: 'ready' };
  if (status?.phase === 'Failed')
    return failed('create_failed', `${status.reason ?? 'the pod failed'}: ${status.message ?? ''}`);
  return { is: 'waiting', progress: progressOf(pod) };
}

function failed(code: 'create_failed', message: string, retryable = false): Readiness {
  return { is: 'failed', error: new AppError(code, message, { retryable }) };
}

/** Words of registries and engines for an image that is not there. */
const NO_SUCH_IMAGE = /not found|manifest unknown|does not exist|no such image|pull access denied/i;

/** Null where it may still come to run. The kubelet tries again for ever; a person would be told sooner. */
function faultOf(container: string, status: ContainerStatus | undefined): AppError | null {
  const ended = status?.state?.terminated;
  if (ended && NOT_STARTED.includes(ended.reason ?? '')) {
    return new AppError('start_failed', words(container, ended.reason, ended.message));
  }
  const { reason, message } = status?.state?.waiting ?? {};
  switch (reason) {
    case 'ErrImageNeverPull':
    case 'InvalidImageName':
      return new AppError('image_not_found', words(container, reason, message));
    case 'ErrImagePull':
    case 'ImagePullBackOff': {
      const code = NO_SUCH_IMAGE.test(message ?? '') ? 'image_not_found' : 'image_pull_failed';
      return new AppError(code, words(container, reason, message));
    }
    case 'CreateContainerConfigError':
      return new AppError('create_failed', words(container, reason, message));
    case 'CreateContainerError':
    case 'RunContainerError':
      return new AppError('start_failed', words(container, reason, message));
    default:
      return null;
  }
}

function words(container: string, reason = '', message = ''): string {
  return [`container "${container}"`, reason, message].filter((part) => part !== '').join(': ');
}

function progressOf({ status, spec }: Pod): string | null {
  const unscheduled = status?.conditions?.find(({ type, status: is }) => type === 'PodScheduled' && is === 'False');
  if (unscheduled) return `The cluster has no room for the pod yet: ${unscheduled.message ?? unscheduled.reason ?? ''}`;
  const waiting = status?.containerStatuses?.filter(({ state }) => state?.waiting) ?? [];
  if (waiting.length === 0 || spec.nodeName === undefined) return null;
  return `Starting the pod's containers on node ${spec.nodeName}`;
}
