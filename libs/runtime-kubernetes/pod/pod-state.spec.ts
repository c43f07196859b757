import type { ContainerState, Pod, PodStatus } from '../cluster/api-objects';
import { processOf, readinessOf } from './pod-state';

function pod(states: Readonly<Record<string, ContainerState | undefined>>, status: Partial<PodStatus> = {}): Pod {
  return {
    metadata: { name: 'p', annotations: { 'crewtab/keeper': 'keeper' } },
    spec: { nodeName: 'node-1', containers: ['lead', 'keeper'].map((name) => ({ name, image: 'i' })) },
    status: {
      phase: 'Running',
      containerStatuses: Object.entries(states).map(([name, state]) => ({ name, ...(state ? { state } : {}) })),
      ...status,
    },
  };
}

const RUNNING = { running: {} };
const ended = (exitCode: number, reason = 'Error', message?: string): ContainerState => ({
  terminated: { exitCode, reason, ...(message === undefined ? {} : { message }) },
});

describe('what the cluster says of an agent', () => {
  it.each([
    ['that runs', { lead: RUNNING, keeper: RUNNING }, { status: 'running' }],
    ['whose image is being pulled', { lead: { waiting: { reason: 'ContainerCreating' } } }, { status: 'created' }],
    ['of which nothing is known yet', {}, { status: 'created' }],
    [
      'that ended',
      { lead: ended(7), keeper: RUNNING },
      { status: 'exited', exitCode: 7, isOutOfMemory: false, message: '', mayLackOutput: false },
    ],
    [
      'that ran out of memory',
      { lead: ended(137, 'OOMKilled'), keeper: RUNNING },
      { status: 'exited', exitCode: 137, isOutOfMemory: true, message: '', mayLackOutput: false },
    ],
    [
      'that lost a child to a lack of memory and ended by itself',
      { lead: ended(4, 'OOMKilled'), keeper: RUNNING },
      { status: 'exited', exitCode: 4, isOutOfMemory: false, message: '', mayLackOutput: false },
    ],
    [
      'that could not be started',
      { lead: ended(128, 'StartError', 'no such file'), keeper: RUNNING },
      { status: 'exited', exitCode: 128, isOutOfMemory: false, message: 'no such file', mayLackOutput: false },
    ],
    [
      'whose keeper ended before it, so that nothing reads its output',
      { lead: RUNNING, keeper: ended(137, 'OOMKilled') },
      expect.objectContaining({ status: 'exited', mayLackOutput: true, endedBy: expect.stringContaining('keeper') }),
    ],
    [
      'that ended after its keeper',
      { lead: ended(0, 'Completed'), keeper: ended(137) },
      expect.objectContaining({ status: 'exited', exitCode: 0, mayLackOutput: true }),
    ],
  ])('%s', (_, states, expected) => {
    expect(processOf(pod(states as Record<string, ContainerState>), 'lead')).toEqual(expected);
  });

  it.each<[string, Partial<PodStatus>, number, boolean]>([
    ['that a controller gave up', { reason: 'NodeLost', message: 'Node node-1 is unresponsive' }, 0, true],
    [
      'whose taint evicted the pod',
      { conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager' }] },
      0,
      true,
    ],
    ['that does not end the pod', {}, 61_000, true],
    ['that may still end the pod', {}, 59_000, false],
    [
      'that ends a preempted pod',
      { conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }] },
      0,
      false,
    ],
  ])('is the loss of a node, %s', (_, status, afterMs, isLost) => {
    const it = pod({ lead: RUNNING, keeper: RUNNING }, status);
    const deleted = { ...it, metadata: { ...it.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    const told = processOf(deleted, 'lead', new Date(Date.parse('2026-01-01T00:00:00Z') + afterMs));
    expect(told).toMatchObject(
      isLost ? { status: 'exited', lostNode: 'node-1', mayLackOutput: true } : { status: 'running' },
    );
  });

  it('is what it was where an agent ended before its node was lost', () => {
    const it = pod({ lead: ended(0, 'Completed'), keeper: RUNNING }, { reason: 'NodeLost' });
    const deleted = { ...it, metadata: { ...it.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    expect(processOf(deleted, 'lead')).toMatchObject({ exitCode: 0 });
    expect(processOf(deleted, 'lead')).not.toHaveProperty('lostNode');
  });

  it('is an end where the pod was evicted, whatever its containers are told to do', () => {
    const status = { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' } as const;
    expect(processOf(pod({ lead: RUNNING, keeper: RUNNING }, status), 'lead')).toEqual({
      status: 'exited',
      exitCode: 137,
      isOutOfMemory: false,
      message: '',
      mayLackOutput: true,
      endedBy: 'Evicted: The node was low on resource: memory.',
    });
    expect(processOf(pod({ lead: ended(137), keeper: RUNNING }, status), 'lead')).toMatchObject({
      mayLackOutput: true,
      endedBy: expect.stringContaining('Evicted') as string,
    });
  });
});

describe('a pod on its way', () => {
  it('is ready when each container runs or has run', () => {
    expect(readinessOf(pod({ lead: RUNNING, keeper: RUNNING }))).toEqual({ is: 'ready' });
    expect(readinessOf(pod({ lead: ended(0, 'Completed'), keeper: RUNNING }))).toEqual({ is: 'ready' });
  });

  it.each([
    ['ErrImagePull', 'pull: manifest unknown', 'image_not_found'],
    ['ErrImagePull', 'dial tcp: i/o timeout', 'image_pull_failed'],
    ['ImagePullBackOff', 'Back-off pulling image "x"', 'image_pull_failed'],
    ['ErrImageNeverPull', 'Container image "x" is not present with pull policy of Never', 'image_not_found'],
    ['InvalidImageName', 'couldn not parse image reference', 'image_not_found'],
    ['CreateContainerConfigError', 'secret "s" not found', 'create_failed'],
    ['CreateContainerError', 'no space left on device', 'start_failed'],
    ['RunContainerError', 'exec format error', 'start_failed'],
  ])('failed by %s: %s', (reason, message, code) => {
    const readiness = readinessOf(pod({ lead: { waiting: { reason, message } }, keeper: RUNNING }));
    expect(readiness).toMatchObject({ is: 'failed', error: { code, retryable: false } });
    expect(readiness.is === 'failed' && readiness.error.message).toContain(message);
  });

  it('failed where a container could not be started, in the words of its engine', () => {
    const readiness = readinessOf(pod({ lead: ended(128, 'StartError', 'exec format error'), keeper: RUNNING }));
    expect(readiness).toMatchObject({ is: 'failed', error: { code: 'start_failed' } });
  });

  it('waits where the cluster has no room, and says so', () => {
    const conditions = [
      { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes: memory' },
    ];
    expect(readinessOf(pod({}, { phase: 'Pending', conditions }))).toEqual({
      is: 'waiting',
      progress: 'The cluster has no room for the pod yet: 0/1 nodes: memory',
    });
  });

  it('failed where it is being deleted or was evicted before it ran', () => {
    const deleted = pod({ lead: RUNNING, keeper: RUNNING });
    const going = { ...deleted, metadata: { ...deleted.metadata, deletionTimestamp: 'now' } };
    expect(readinessOf(going)).toMatchObject({ is: 'failed', error: { code: 'create_failed', retryable: true } });
    const evicted = pod({}, { phase: 'Failed', reason: 'Evicted', message: 'disk pressure' });
    expect(readinessOf(evicted)).toMatchObject({ is: 'failed', error: { code: 'create_failed' } });
  });
});
