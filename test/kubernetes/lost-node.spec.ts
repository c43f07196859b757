import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { ContractFixture } from '../contracts/runtime/contract-fixture';
import { eventually } from '../kit/wait-for';
import { AGENT_IMAGE, describeWithCluster, makeRuntime } from './cluster';

/** As in cluster-deaths.spec.ts. */
const RESTART = process.env.CREWTAB_TEST_KUBERNETES_RESTART ?? '';
/** Longer than a pod may be ending before its node is lost. */
const DOWN_SECONDS = 100;
const LIMIT_MS = 300_000;

describeWithCluster('a node that does not answer', (namespace) => {
  const when = RESTART === '' ? it.skip : it;
  when(
    `is named as lost, and its pod is left over until it is back${RESTART === '' ? ' (skipped: CREWTAB_TEST_KUBERNETES_RESTART names no program)' : ''}`,
    async () => {
      const make = () => makeRuntime(namespace(), { limits: { removalMs: 2_000 } });
      const fixture = new ContractFixture({
        runtime: make(),
        anotherWorker: make,
        program: () => ({ image: AGENT_IMAGE, command: ['/bin/sh', '-c', 'echo here; sleep 600'] }),
        agentKind: 'container',
        network: { kind: 'open', hasOwnBridge: false },
        lookAlike: () => null,
      });
      try {
        const { handle, deployment } = await fixture.started({ does: 'echo' });
        const down = spawn(RESTART, ['kubelet', 'KILL', String(DOWN_SECONDS)], { stdio: 'ignore' });
        const isBack = once(down, 'exit');
        // As the cluster does after some minutes, but not where all of its nodes are silent, as its only one is.
        const { admin, name } = namespace();
        const path = `/api/v1/namespaces/${name}/pods/${deployment.name}`;
        await admin.json({ method: 'DELETE', path, query: { gracePeriodSeconds: '1' } });
        const { runtime } = fixture;
        const lost = await eventually(
          async () => {
            const process = await runtime.inspect(handle);
            return process.status === 'exited' && process;
          },
          { timeoutMs: LIMIT_MS, intervalMs: 1_000 },
        );
        expect(lost).toMatchObject({ mayLackOutput: true, lostNode: expect.any(String) as string });
        const { installationId, runId } = deployment;
        const before = await runtime.teardown(installationId, runId, { graceMs: 1_000 });
        expect(before.left).toContainEqual(
          expect.objectContaining({
            kind: 'pod',
            reason: expect.stringContaining(`on node ${lost.lostNode ?? ''}`) as string,
          }),
        );
        await isBack;
        await eventually(
          async () => (await runtime.teardown(installationId, runId, { graceMs: 1_000 })).left.length === 0,
          { timeoutMs: 60_000, intervalMs: 1_000 },
        );
      } finally {
        await fixture.dispose();
      }
    },
    LIMIT_MS + 120_000,
  );
});
