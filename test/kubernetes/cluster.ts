import { KubernetesRuntime } from '@crewtab/runtime-kubernetes/kubernetes-runtime';
import type { KubernetesRuntimeOptions } from '@crewtab/runtime-kubernetes/kubernetes-options';
import { shellCommand, type Behaviour } from '../contracts/runtime/behaviours';
import { GUARD_FOLDER } from '../kit/services/guard-folder';
import { TestNamespace } from './namespace';

/** Has node, sh, cat, head and sleep; the cluster has it, or can pull it. */
export const AGENT_IMAGE = process.env.CREWTAB_TEST_KUBERNETES_IMAGE ?? 'crewtab.local/agent:1';

/** `describe` where KUBECONFIG names a cluster; otherwise its tests are skipped and counted as skipped. */
export function describeWithCluster(name: string, define: (namespace: () => TestNamespace) => void): void {
  if ((process.env.KUBECONFIG ?? '') === '') {
    describe.skip(`${name} (skipped: KUBECONFIG names no cluster)`, () => define(unopened));
    return;
  }
  describe(name, () => {
    let namespace: TestNamespace | null = null;
    beforeAll(async () => {
      namespace = await TestNamespace.open();
    }, 60_000);
    afterAll(() => namespace?.close(), 60_000);
    define(() => namespace ?? unopened());
  });
}

function unopened(): never {
  throw new Error('there is no namespace before the tests begin');
}

/** As a worker of that namespace has it. */
export function makeRuntime(
  namespace: TestNamespace,
  options: Partial<KubernetesRuntimeOptions> = {},
): KubernetesRuntime {
  return new KubernetesRuntime({
    kubeconfig: namespace.kubeconfig,
    namespace: null,
    programFolder: GUARD_FOLDER,
    placement: { keeperImage: AGENT_IMAGE },
    ...options,
  });
}

/** The contract's programs, for an image with fewer tools than most machines have. */
export function agentCommand(behaviour: Behaviour): readonly string[] {
  switch (behaviour.does) {
    case 'count':
      return sh(`i=1; while [ $i -le ${behaviour.to} ]; do echo $i; i=$((i+1)); done`);
    case 'longLine':
      return node(`process.stdout.write('x'.repeat(${behaviour.bytes}) + '\\nafter\\n')`);
    case 'eatMemory':
      return sh('cat /dev/zero | head -c -4000000000');
    default:
      return shellCommand(behaviour);
  }
}

function sh(script: string): string[] {
  return ['/bin/sh', '-c', script];
}

function node(script: string): string[] {
  return ['/usr/bin/node', '-e', script];
}
