import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@crewtab/domain/errors';
import { effect } from '@crewtab/domain/failpoint';
import type { StopOptions } from '@crewtab/domain/ports/runtime';
import type { Pod } from './cluster/api-objects';
import type { ClusterClient } from './cluster/cluster-client';
import { toAppError, unreachable } from './cluster/cluster-errors';
import { PodExec } from './cluster/pod-exec';
import { KEEPER_PROGRAM } from './pod/pod-spec';
import { processOf } from './pod/pod-state';
import { removePod } from './run-program';
import { agentContainers, LABELS, labelSelector } from './run-labels';

const LOOK_MS = 100;
/** Beside its grace, until the cluster says that an agent has ended, ms. */
const LIMIT_MS = 30_000;
const AGAIN_MS = 1_000;

/**
 * Ends the agents of a run, whose pod and workspace stay, and removes the pods of its programs. A container of a pod cannot be ended
 * through the API: a program that is started in it ends all that runs there, and the cluster tells when it has ended.
 */
export async function stopRun(
  client: ClusterClient,
  installationId: string,
  runId: string,
  { graceMs, epoch }: StopOptions,
): Promise<void> {
  try {
    const { items } = await client.list('pods', labelSelector(installationId, runId));
    const own = items.filter(({ metadata }) => Number(metadata.labels?.[LABELS.epoch]) <= epoch);
    await Promise.all(
      own.map((pod) =>
        pod.metadata.labels?.[LABELS.program] === undefined
          ? Promise.all(agentContainers(pod).map((agent) => endAgent(client, pod, agent, graceMs)))
          : removePod(client, pod),
      ),
    );
  } catch (error) {
    throw toAppError(error);
  }
}

/** One that never started has nothing to be ended: it waits at its gate, which is not opened any more. */
async function endAgent(client: ClusterClient, pod: Pod, agent: string, graceMs: number): Promise<void> {
  const { name, uid } = pod.metadata;
  const giveUpAt = performance.now() + graceMs + LIMIT_MS;
  let ending: Ending | null = null;
  try {
    for (; ; await delay(LOOK_MS)) {
      const found = await client.get('pods', name);
      if (found?.metadata.uid !== uid || processOf(found as Pod, agent).status !== 'running') return;
      if (performance.now() > giveUpAt) throw unreachable('end an agent', ending?.fault ?? 'its container goes on');
      if (ending === null || ending.isOver) ending = new Ending(client, pod, agent, graceMs);
    }
  } finally {
    ending?.close();
  }
}

/** One program that ends a container, which ends it too. It is started again where it ended before the container. */
class Ending {
  isOver = false;
  fault: string | null = null;
  private exec: PodExec | null = null;
  private isClosed = false;

  constructor(
    client: ClusterClient,
    { metadata: { name } }: Pod,
    agent: string,
    private readonly graceMs: number,
  ) {
    const start = (): Promise<PodExec> =>
      PodExec.start(client, { pod: name, container: agent }, [KEEPER_PROGRAM, 'end', String(this.graceMs)]);
    void this.run(start);
  }

  close(): void {
    this.isClosed = true;
    this.exec?.close();
  }

  private async run(start: () => Promise<PodExec>): Promise<void> {
    try {
      this.exec = await effect('kubernetes.agent.end', start);
      if (this.isClosed) this.exec.close();
      await this.exec.end;
      this.fault = this.exec.stderr;
    } catch (error) {
      // Often its container has just ended, which the cluster tells a moment later.
      this.fault = error instanceof AppError || error instanceof Error ? error.message : String(error);
    }
    await delay(AGAIN_MS);
    this.isOver = true;
  }
}
