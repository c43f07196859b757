import { AGENT_IMAGE, describeWithCluster, makeRuntime } from './cluster';
import { ContractFixture } from '../contracts/runtime/contract-fixture';

describeWithCluster('a pod that the cluster ends', (namespace) => {
  it('is told in its words when the workspace is fuller than it may be', async () => {
    const make = () => makeRuntime(namespace(), { diskBytes: 4 * 1024 ** 2 });
    const fixture = new ContractFixture({
      runtime: make(),
      anotherWorker: make,
      program: () => ({
        image: AGENT_IMAGE,
        command: ['/bin/sh', '-c', 'head -c 20000000 /dev/zero > /workspace/big; echo full; sleep 300'],
      }),
      agentKind: 'container',
      network: { kind: 'open', hasOwnBridge: false },
      lookAlike: () => null,
    });
    try {
      const { handle } = await fixture.started({ does: 'echo' });
      // The kubelet looks at volumes once a minute or so.
      const reader = await fixture.runtime.open(handle);
      const texts: string[] = [];
      for await (const { text } of reader.output) texts.push(text);
      expect(texts).toEqual(['full']);
      expect(await fixture.runtime.inspect(handle)).toMatchObject({
        status: 'exited',
        mayLackOutput: true,
        endedBy: expect.stringContaining('workspace') as string,
      });
    } finally {
      await fixture.dispose();
    }
  }, 240_000);
});
