import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AllowlistEndpoint, NetworkEndpoint } from '@crewtab/domain/ports/runtime';
import { ContractFixture, deployOptions } from '../contracts/runtime/contract-fixture';
import { LineReader } from '../contracts/runtime/line-reader';
import { eventually } from '../kit/wait-for';
import { AGENT_IMAGE, describeWithCluster, makeRuntime } from './cluster';
import type { TestNamespace } from './namespace';

const NAMES = ['lead', 'helper'];
/** To a port of its own pod, which nothing listens on. */
const CONNECTS = `require('net').connect(1, '127.0.0.1').on('error', ({ code }) => console.log(code));`;
/** By its proxy, as programs do. */
const ASKS = `const [, host, port] = /\\/\\/(.*):(\\d+)/.exec(process.env.HTTP_PROXY);
require('http').get({ host, port, path: 'http://listed.example/' }, (answer) => {
  answer.on('data', (bytes) => console.log(String(bytes)));
});`;

function makeFixture(
  namespace: TestNamespace,
  network: NetworkEndpoint,
  program: string,
  isUnenforcedNetworkAllowed = false,
): ContractFixture {
  const make = () => makeRuntime(namespace, { isUnenforcedNetworkAllowed });
  return new ContractFixture({
    runtime: make(),
    anotherWorker: make,
    program: () => ({ image: AGENT_IMAGE, command: ['/usr/bin/node', '-e', program] }),
    agentKind: 'container',
    network,
    lookAlike: () => null,
  });
}

describeWithCluster("an agent's network", (namespace) => {
  it.each<[NetworkEndpoint, string]>([
    [{ kind: 'none' }, 'EAFNOSUPPORT'],
    [{ kind: 'open', hasOwnBridge: false }, 'ECONNREFUSED'],
  ])(
    'is what its team says: %j',
    async (network, code) => {
      const fixture = makeFixture(namespace(), network, CONNECTS);
      try {
        const { handle, deployment } = await fixture.started({ does: 'echo' });
        const policy = await namespace().admin.get('networkpolicies', deployment.name);
        expect(policy?.spec.policyTypes ?? null).toEqual(network.kind === 'open' ? null : ['Ingress', 'Egress']);
        const reader = await fixture.read(handle);
        await reader.toEnd();
        expect(reader.texts()).toEqual([code]);
      } finally {
        await fixture.dispose();
      }
    },
    60_000,
  );

  describe('that leads to listed hosts', () => {
    let folder: string;
    let proxies: Server[] = [];

    const endpoint = (): AllowlistEndpoint => {
      const agentFolders = Object.fromEntries(NAMES.map((name) => [name, join(folder, name)]));
      return { kind: 'allowlist', hostFolder: folder, socketName: 'proxy.sock', agentFolders };
    };

    /** A proxy for each agent, which says whose it is. */
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'net-'));
      proxies = NAMES.map((name) => createServer(({ url }, response) => void response.end(`${name}: ${url ?? ''}`)));
      for (const [at, proxy] of proxies.entries()) {
        const own = join(folder, NAMES[at] ?? '');
        await mkdir(own);
        await once(proxy.listen(join(own, 'proxy.sock')), 'listening');
      }
    });
    afterEach(async () => {
      for (const proxy of proxies) proxy.close();
      await rm(folder, { recursive: true, force: true });
    });

    it('is refused where the cluster enforces no policies, and leaves nothing of the test', async () => {
      const fixture = makeFixture(namespace(), endpoint(), ASKS);
      try {
        const deployment = fixture.deployment({ agents: [fixture.agent('solo', { does: 'echo' })] });
        await expect(fixture.runtime.prepare(deployment, deployOptions())).rejects.toMatchObject({
          code: 'network_not_enforced',
          retryable: false,
        });
        const { installationId, runId } = deployment;
        const { left } = await fixture.runtime.teardown(installationId, runId, { graceMs: 1_000 });
        expect(left).toEqual([]);
        // What was found out holds for the next run, for a while.
        const again = fixture.deployment({ agents: [fixture.agent('solo', { does: 'echo' })] });
        await expect(fixture.runtime.prepare(again, deployOptions())).rejects.toMatchObject({
          code: 'network_not_enforced',
        });
        // The cluster ends them in its own time.
        await eventually(async () => (await namespace().admin.list('pods', 'crewtab.probe')).items.length === 0);
        expect((await namespace().admin.list('networkpolicies', 'crewtab.probe')).items).toEqual([]);
      } finally {
        await fixture.dispose();
      }
    }, 120_000);

    it("leads each agent to this worker's proxy by a way of its own, where the operator allows it", async () => {
      const fixture = makeFixture(namespace(), endpoint(), ASKS, true);
      try {
        const agents = NAMES.map((name) => fixture.agent(name, { does: 'echo' }));
        const deployment = await fixture.prepared({ agents });
        for (const agent of agents) {
          const handle = await fixture.ensure(deployment, agent);
          const carried = { tools: null, network: endpoint() };
          const reader = new LineReader(await fixture.runtime.open(handle, undefined, carried));
          await reader.toEnd();
          expect(reader.texts()).toEqual([`${agent.name}: http://listed.example/`]);
        }
      } finally {
        await fixture.dispose();
      }
    }, 120_000);
  });
});
