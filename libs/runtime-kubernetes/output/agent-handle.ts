import { AppError } from '@crewtab/domain/errors';
import type { AgentProcess } from '@crewtab/domain/ports/runtime';
import type { Pod } from '../cluster/api-objects';
import type { ClusterClient } from '../cluster/cluster-client';
import { toAppError } from '../cluster/cluster-errors';
import { processOf } from '../pod/pod-state';

/** Names an agent for ever: another pod of the same name is another one. */
export interface AgentHandle {
  readonly pod: string;
  readonly uid: string;
  readonly agent: string;
}

export function formatHandle({ pod, uid, agent }: AgentHandle): string {
  return `${pod}/${agent}/${uid}`;
}

export function parseHandle(handle: string): AgentHandle {
  const [pod, agent, uid] = handle.split('/');
  if (!pod || !agent || !uid) throw new AppError('engine_error', `"${handle}" names no agent of a cluster`);
  return { pod, agent, uid };
}

/** Null where its pod is gone. @throws AppError */
export async function findPod(client: ClusterClient, { pod, uid }: AgentHandle): Promise<Pod | null> {
  try {
    const found = await client.get('pods', pod);
    return found?.metadata.uid === uid ? found : null;
  } catch (error) {
    throw toAppError(error);
  }
}

export async function inspectAgent(client: ClusterClient, handle: AgentHandle): Promise<AgentProcess> {
  const pod = await findPod(client, handle);
  return pod ? processOf(pod, handle.agent) : { status: 'absent' };
}
