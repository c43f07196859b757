import type { NetworkEndpoint } from '@crewtab/domain/ports/runtime';
import { ContractFixture } from '../contracts/runtime/contract-fixture';
import { AGENT_IMAGE, describeWithCluster, makeRuntime } from './cluster';

/** To a port of its own pod, which nothing listens on. */
const PROGRAM = `require('net').connect(1, '127.0.0.1').on('error', ({ code }) => console.log(code));`;

describeWithCluster("an agent's network", (namespace) => {
  it.each<[NetworkEndpoint, string]>([
    [{ kind: 'none' }, 'EAFNOSUPPORT'],
    [{ kind: 'open', hasOwnBridge: false }, 'ECONNREFUSED'],
  ])(
    'is what its team says: %j',
    async (network, code) => {
      const fixture = new ContractFixture({
        runtime: makeRuntime(namespace()),
        anotherWorker: () => makeRuntime(namespace()),
        program: () => ({ image: AGENT_IMAGE, command: ['/usr/bin/node', '-e', PROGRAM] }),
        agentKind: 'container',
        network,
        lookAlike: () => null,
      });
      try {
        const { handle } = await fixture.started({ does: 'echo' });
        const reader = await fixture.read(handle);
        await reader.toEnd();
        expect(reader.texts()).toEqual([code]);
      } finally {
        await fixture.dispose();
      }
    },
    60_000,
  );
});
