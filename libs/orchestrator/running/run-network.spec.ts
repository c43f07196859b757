import type { NetworkNotice } from '@crewtab/domain/ports/egress-proxy';
import type { RuntimeKind } from '@crewtab/domain/runtimes';
import type { DraftMessage } from '@crewtab/domain/runs/message';
import type { TeamNetwork } from '@crewtab/domain/teams/network';
import { FakeClock } from '@test/fakes/fake-clock';
import { FakeEgressProxy } from '@test/fakes/runtime/fake-egress-proxy';
import { FakeRuntime } from '@test/fakes/runtime/fake-runtime';
import { seedRun } from '@test/fakes/stores/stored-run';
import { RunNetwork } from './run-network';

function setUp(network: TeamNetwork, kind: RuntimeKind = 'docker') {
  const clock = new FakeClock();
  const { run } = seedRun({}, 1, clock.now());
  const egressProxy = new FakeEgressProxy();
  const runtime = Object.assign(new FakeRuntime({ clock }), { kind });
  const told: DraftMessage[] = [];
  const runNetwork = new RunNetwork({ egressProxy, runtime, clock }, (message) => told.push(message));
  return { egressProxy, told, runNetwork, run: { ...run, plan: { ...run.plan, network } } };
}

const LISTED: TeamNetwork = { mode: 'allowlist', hosts: ['api.example.com'] };

describe('the network of a run', () => {
  it.each([
    [{ mode: 'none', hosts: [] }, { kind: 'none' }],
    [
      { mode: 'open', hosts: [] },
      { kind: 'open', hasOwnBridge: false },
    ],
    [
      { mode: 'open', hosts: [], hasOwnBridge: true },
      { kind: 'open', hasOwnBridge: true },
    ],
  ] as const)('of %j needs no proxy', async (network, endpoint) => {
    const { runNetwork, egressProxy, run, told } = setUp(network);
    expect(await runNetwork.open(run)).toEqual(endpoint);
    expect([egressProxy.served.size, told]).toEqual([0, []]);
  });

  it('serves the listed hosts, once, until it is closed', async () => {
    const { runNetwork, egressProxy, run } = setUp(LISTED);
    const endpoint = await runNetwork.open(run);
    expect(endpoint).toMatchObject({ kind: 'allowlist', hostFolder: `/egress/${run.id}` });
    expect(await runNetwork.open(run)).toBe(endpoint);
    expect(egressProxy.served.get(run.id)?.hosts).toEqual(['api.example.com']);
    runNetwork.close();
    expect(egressProxy.served.size).toBe(0);
  });

  it('leaves nothing open that is opened after it was closed', async () => {
    const { runNetwork, egressProxy, run } = setUp(LISTED);
    const opening = runNetwork.open(run);
    runNetwork.close();
    await opening;
    expect(egressProxy.served.size).toBe(0);
  });

  it('tells what the proxy notices', async () => {
    const { runNetwork, egressProxy, run, told } = setUp(LISTED);
    await runNetwork.open(run);
    const notices: NetworkNotice[] = [
      { kind: 'allowed', host: 'api.example.com', port: 443 },
      { kind: 'refused', host: 'evil.example', port: 443, reason: 'not_listed' },
      { kind: 'limit', limit: 'bytes' },
    ];
    for (const notice of notices) egressProxy.served.get(run.id)?.notify(notice, null);
    expect(told.map(({ kind, agent }) => [kind, agent])).toEqual(Array(3).fill(['network', null]));
    expect(told.map(({ content }) => content)).toEqual([
      { ...notices[0], text: 'The agents connect to api.example.com:443.' },
      {
        ...notices[1],
        text: "Refused a connection to evil.example:443: it is not among the hosts of the team's network.",
      },
      { ...notices[2], text: expect.stringContaining('transferred as much as they may') as string },
    ]);
  });

  it('names the agent by whose way a connection came', async () => {
    const { runNetwork, egressProxy, run, told } = setUp(LISTED);
    await runNetwork.open(run);
    const served = egressProxy.served.get(run.id);
    const names = run.plan.agents.map(({ name }) => name);
    expect(served?.agents).toEqual(names);
    served?.notify({ kind: 'allowed', host: 'api.example.com', port: 443 }, names[1] ?? '');
    expect(told).toMatchObject([{ agent: names[1] }]);
  });

  it('names the agent where there is one alone, which needs no way of its own', async () => {
    const { runNetwork, egressProxy, run, told } = setUp(LISTED);
    const agents = run.plan.agents.slice(0, 1);
    await runNetwork.open({ ...run, plan: { ...run.plan, agents } });
    expect(egressProxy.served.get(run.id)?.agents).toEqual([]);
    egressProxy.served.get(run.id)?.notify({ kind: 'limit', limit: 'bytes' }, null);
    expect(run.plan.agents.length).toBeGreaterThan(1);
    expect(told).toMatchObject([{ agent: agents[0]?.name }]);
  });

  it('is open under a runtime that cannot keep to it, and says so', async () => {
    const { runNetwork, egressProxy, run, told } = setUp({ mode: 'none', hosts: [] }, 'process');
    expect(await runNetwork.open(run)).toEqual({ kind: 'open', hasOwnBridge: false });
    expect(egressProxy.served.size).toBe(0);
    expect(told).toMatchObject([{ kind: 'network', content: { kind: 'not_kept' } }]);
  });
});
