import { randomUUID } from 'node:crypto';
import type Docker from 'dockerode';
import { deployOptions } from '../../contracts/runtime/contract-fixture';
import { describeWithDocker } from '../../kit/services/docker';
import { openLab, type DockerLab } from './docker-lab';

/** Far from the default base, so that a running Crewtab of the same host does not disturb. */
const BASE = '10.197.0.0/16';

describeWithDocker('networks of teams', () => {
  let lab: DockerLab | null = null;

  afterEach(async () => {
    await lab?.fixture.dispose();
    lab = null;
  }, 60_000);

  async function setUp(options: Parameters<typeof openLab>[0] = {}): Promise<DockerLab> {
    lab = await openLab({ subnetBase: BASE, ...options });
    return lab;
  }

  it('gives a team a private /28 of its own and takes it away with the run', async () => {
    const { fixture, docker, runtime } = await setUp();
    const deployment = await fixture.prepared({ network: { kind: 'open', hasOwnBridge: true } });
    await fixture.runtime.prepare(deployment, deployOptions());
    const handle = await fixture.ensure(deployment, fixture.agent('solo', { does: 'echo' }));
    const { NetworkSettings: settings } = await docker.getContainer(handle).inspect();
    expect(Object.keys(settings.Networks)).toEqual([deployment.name]);
    const [network] = await docker.listNetworks({ filters: { name: [deployment.name] } });
    expect(network?.IPAM?.Config?.[0]?.Subnet).toMatch(/^10\.197\.\d+\.\d+\/28$/);
    const report = await runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 0 });
    expect(report).toEqual({ removed: { container: 1, network: 1, volume: 1 }, left: [] });
  }, 60_000);

  it('puts teams with network "none" on no network', async () => {
    const { fixture, docker } = await setUp();
    const { handle } = await fixture.started({ does: 'echo' });
    const { HostConfig: host } = await docker.getContainer(handle).inspect();
    expect(host.NetworkMode).toBe('none');
  }, 60_000);

  it('gives many teams at once subnets that do not overlap', async () => {
    const { fixture, docker } = await setUp();
    const deployments = await Promise.all(
      Array.from({ length: 8 }, () => fixture.prepared({ network: { kind: 'open', hasOwnBridge: true } })),
    );
    const networks = await docker.listNetworks({
      filters: { label: [`crewtab.installation=${fixture.installationId}`] },
    });
    const subnets = networks.map((network) => network.IPAM?.Config?.[0]?.Subnet);
    expect(new Set(subnets).size).toBe(deployments.length);
  }, 120_000);

  it('waits, rather than fails, when no subnet is free', async () => {
    // A /20 is the shared network's alone: nothing is left for teams.
    const { fixture } = await setUp({ subnetBase: '10.198.0.0/20' });
    await expect(fixture.prepared({ network: { kind: 'open', hasOwnBridge: true } })).rejects.toMatchObject({
      code: 'create_failed',
      retryable: true,
    });
  }, 60_000);

  it('joins one network, though a worker that lost the run makes it a second time', async () => {
    const { fixture, docker, runtime } = await setUp();
    const deployment = await fixture.prepared({ network: { kind: 'open', hasOwnBridge: true } });
    const first = await fixture.ensure(deployment, fixture.agent('first', { does: 'echo' }));
    await makeTwin(docker, deployment.name);
    const second = await fixture.ensure(deployment, fixture.agent('second', { does: 'echo' }));
    expect(await runtime.inspect(second)).toEqual({ status: 'running' });
    expect(await networkIdsOf(docker, second)).toEqual(await networkIdsOf(docker, first));
    expect(await named(docker, deployment.name)).toHaveLength(1);
  }, 60_000);

  it('keeps the one of two networks in which an agent is already, though the other is older', async () => {
    const { fixture, docker } = await setUp();
    const deployment = await fixture.prepared({ network: { kind: 'open', hasOwnBridge: true } });
    const first = await fixture.ensure(deployment, fixture.agent('first', { does: 'echo' }));
    const twin = await makeTwin(docker, deployment.name);
    const [older] = await networkIdsOf(docker, first);
    await docker.getNetwork(older ?? '').disconnect({ Container: first, Force: true });
    await docker.getNetwork(twin).connect({ Container: first });
    const second = await fixture.ensure(deployment, fixture.agent('second', { does: 'echo' }));
    expect(await networkIdsOf(docker, second)).toEqual([twin]);
    expect((await named(docker, deployment.name)).map(({ Id }) => Id)).toEqual([twin]);
  }, 60_000);

  it('settles a doubled shared network whose makers died before they could', async () => {
    const egressNetwork = `crewtab-test-egress-${randomUUID().slice(0, 8)}`;
    const { fixture, docker, runtime } = await setUp({ egressNetwork });
    try {
      await fixture.prepared({ network: { kind: 'open', hasOwnBridge: false } });
      await makeTwin(docker, egressNetwork);
      const deployment = await fixture.prepared({ network: { kind: 'open', hasOwnBridge: false } });
      expect(await named(docker, egressNetwork)).toHaveLength(1);
      const handle = await fixture.ensure(deployment, fixture.agent('solo', { does: 'echo' }));
      expect(await runtime.inspect(handle)).toEqual({ status: 'running' });
      await runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 0 });
    } finally {
      for (const { Id } of await named(docker, egressNetwork)) await docker.getNetwork(Id).remove();
    }
  }, 60_000);

  it("leaves another's network alone that has the name of the shared one", async () => {
    const egressNetwork = `crewtab-test-egress-${randomUUID().slice(0, 8)}`;
    const { fixture, docker } = await setUp({ egressNetwork });
    try {
      await fixture.prepared({ network: { kind: 'open', hasOwnBridge: false } });
      const foreign = await makeTwin(docker, egressNetwork, {});
      await fixture.prepared({ network: { kind: 'open', hasOwnBridge: false } });
      expect((await named(docker, egressNetwork)).map(({ Id }) => Id)).toContain(foreign);
    } finally {
      for (const { Id } of await named(docker, egressNetwork)) await docker.getNetwork(Id).remove();
    }
  }, 60_000);

  it('makes the shared network once, though two workers ask at the same moment, and leaves it at teardown', async () => {
    const egressNetwork = `crewtab-test-egress-${randomUUID().slice(0, 8)}`;
    const { fixture, docker } = await setUp({ egressNetwork });
    try {
      const other = await fixture.anotherWorker();
      const deployment = fixture.deployment({ network: { kind: 'open', hasOwnBridge: false } });
      await Promise.all([
        fixture.runtime.prepare(deployment, deployOptions()),
        other.prepare(deployment, deployOptions()),
      ]);
      const handle = await fixture.ensure(deployment, fixture.agent('solo', { does: 'echo' }));
      await fixture.runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 0 });
      expect(await fixture.runtime.inspect(handle)).toEqual({ status: 'absent' });
      const found = (await docker.listNetworks({ filters: { name: [egressNetwork] } })).filter(
        ({ Name }) => Name === egressNetwork,
      );
      expect(found).toHaveLength(1);
      expect(found[0]?.Options).toMatchObject({ 'com.docker.network.bridge.enable_icc': 'false' });
      expect(found[0]?.Labels).toEqual({ 'crewtab.shared': 'egress' });
    } finally {
      await docker.getNetwork(egressNetwork).remove();
    }
  }, 60_000);

  it('repairs a shared network that was removed between preparation and start', async () => {
    const egressNetwork = `crewtab-test-egress-${randomUUID().slice(0, 8)}`;
    const { fixture, docker, runtime } = await setUp({ egressNetwork });
    const deployment = await fixture.prepared({ network: { kind: 'open', hasOwnBridge: false } });
    await docker.getNetwork(egressNetwork).remove();
    try {
      const handle = await fixture.ensure(deployment, fixture.agent('solo', { does: 'echo' }));
      expect(await runtime.inspect(handle)).toEqual({ status: 'running' });
      await runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 0 });
    } finally {
      await docker.getNetwork(egressNetwork).remove();
    }
  }, 60_000);
});

async function named(docker: Docker, name: string): Promise<Docker.NetworkInspectInfo[]> {
  return (await docker.listNetworks({ filters: { name: [name] } })).filter((network) => network.Name === name);
}

/**
 * Another network with the name and labels of the one that is there, as the engine allows it in a race. Docker 25 and later
 * refuse it even if asked for: there is only the one then, and nothing to settle.
 */
async function makeTwin(docker: Docker, name: string, labels?: Record<string, string>): Promise<string> {
  const [original] = await named(docker, name);
  const spec = {
    Name: name,
    Labels: labels ?? original?.Labels ?? {},
    Options: original?.Options ?? {},
    CheckDuplicate: false,
  };
  try {
    return (await docker.createNetwork(spec)).id;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode !== 409) throw error;
    return original?.Id ?? '';
  }
}

async function networkIdsOf(docker: Docker, handle: string): Promise<string[]> {
  const { NetworkSettings: settings } = await docker.getContainer(handle).inspect();
  return Object.values(settings.Networks).map(({ NetworkID }) => NetworkID);
}
