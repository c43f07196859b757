import type { LookAlike } from '../contracts/runtime/contract-fixture';
import { runtimeContract } from '../contracts/runtime/runtime-contract';
import { agentCommand, AGENT_IMAGE, describeWithCluster, makeRuntime } from './cluster';
import type { TestNamespace } from './namespace';

describeWithCluster('a real cluster', (namespace) => {
  runtimeContract('KubernetesRuntime', { oom: true, stop: true }, () => ({
    runtime: makeRuntime(namespace()),
    anotherWorker: () => makeRuntime(namespace()),
    program: (behaviour) => ({ image: AGENT_IMAGE, command: agentCommand(behaviour) }),
    agentKind: 'container',
    network: { kind: 'none' },
    lookAlike: (deploymentName) => makeLookAlike(namespace(), deploymentName),
  }));
});

/** A pod and a config map of another program that use our names. */
async function makeLookAlike({ admin }: TestNamespace, deploymentName: string): Promise<LookAlike> {
  const name = `${deploymentName}-other`;
  const pod = await admin.create('pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      containers: [{ name: 'other', image: AGENT_IMAGE, command: ['/bin/sh', '-c', 'sleep 600'] }],
      terminationGracePeriodSeconds: 1,
    },
  });
  const map = await admin.create('configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name },
  });
  if (pod === null || map === null) throw new Error(`the cluster has a ${name} already`);
  return {
    isIntact: async () => {
      const [nowPod, nowMap] = [await admin.get('pods', name), await admin.get('configmaps', name)];
      return (
        nowPod?.metadata.uid === pod.metadata.uid &&
        nowPod?.metadata.deletionTimestamp === undefined &&
        nowMap?.metadata.uid === map.metadata.uid
      );
    },
    remove: async () => {
      await admin.remove('pods', pod, { gracePeriodSeconds: 1 });
      await admin.remove('configmaps', map, {});
    },
  };
}
