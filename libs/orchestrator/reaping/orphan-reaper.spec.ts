import type { AgentSpec, DeploymentSpec } from '@crewtab/domain/ports/runtime';
import { FakeClock, settle } from '@test/fakes/fake-clock';
import { FakeEgressProxy } from '@test/fakes/runtime/fake-egress-proxy';
import { FakeToolServer } from '@test/fakes/runtime/fake-tool-server';
import { RecordingLogger } from '@test/fakes/recording-logger';
import { FakeRuntime } from '@test/fakes/runtime/fake-runtime';
import { InMemoryRunStore } from '@test/fakes/stores/in-memory-run-store';
import { LIST_LIMIT_MS, OrphanReaper } from './orphan-reaper';
import { TEARDOWN_LIMIT_MS } from '../running/team-deployment';

const UNKNOWN_RUN = '00000000-0000-7000-8000-00000000dead';

function makeWorld() {
  const clock = new FakeClock();
  const store = new InMemoryRunStore(clock);
  const runtime = new FakeRuntime({ clock });
  const logger = new RecordingLogger();
  const egressProxy = new FakeEgressProxy();
  const reaper = new OrphanReaper({ store, runtime, toolServer: new FakeToolServer(), egressProxy, clock, logger });
  return { clock, store, runtime, egressProxy, logger, reaper };
}

type World = ReturnType<typeof makeWorld>;

/** Makes what a worker makes for a run. */
async function deploy({ store, runtime, clock }: World, runId: string, installationId?: string): Promise<void> {
  const agent: AgentSpec = {
    name: 'lead',
    image: 'agent:test',
    command: null,
    env: {},
    resources: {},
    stdin: 'open',
    tools: null,
  };
  const deployment: DeploymentSpec = {
    installationId: installationId ?? (await store.installationId()),
    runId,
    name: `team-run-${runId.slice(-6)}`,
    epoch: 1,
    deadlineAt: new Date(clock.now().getTime() + 3_600_000),
    network: { kind: 'open', hasOwnBridge: false },
    agents: [agent],
  };
  const options = { signal: new AbortController().signal, onProgress: () => undefined };
  await runtime.prepare(deployment, options);
  await runtime.ensureAgent(deployment, agent, options);
}

describe('the reaper', () => {
  it('removes what an unknown run left, once it is old enough that its row would be seen', async () => {
    const world = makeWorld();
    await deploy(world, UNKNOWN_RUN);
    await world.clock.advance(14_000);
    expect((await world.reaper.reap()).reaped).toEqual([]);
    expect(world.runtime.engine.agents).toHaveLength(1);
    await world.clock.advance(2_000);
    expect((await world.reaper.reap()).reaped).toEqual([UNKNOWN_RUN]);
    expect(world.runtime.engine.agents).toHaveLength(0);
  });

  it('removes what a finished run left, however young', async () => {
    const world = makeWorld();
    const { id } = world.store.addRun();
    world.store.requestCancel(id);
    await deploy(world, id);
    expect((await world.reaper.reap()).reaped).toEqual([id]);
    expect(world.runtime.engine.agents).toHaveLength(0);
  });

  it('removes the folders of the egress proxy of runs that are over, and of no other', async () => {
    const world = makeWorld();
    const [over, active] = [world.store.addRun(), world.store.addRun()];
    world.store.requestCancel(over.id);
    for (const runId of [over.id, active.id, UNKNOWN_RUN]) await world.egressProxy.open(runId, [], () => undefined);
    await world.reaper.reapHost();
    expect(await world.egressProxy.list()).toEqual([active.id, UNKNOWN_RUN]);
  });

  it('leaves alone what belongs to a run that is not finished, or to another installation', async () => {
    const world = makeWorld();
    const { id } = world.store.addRun();
    await deploy(world, id);
    await deploy(world, UNKNOWN_RUN, 'another-installation');
    await world.clock.advance(3_600_000);
    expect((await world.reaper.reap()).reaped).toEqual([]);
    expect(world.runtime.engine.agents).toHaveLength(2);
  });

  it('removes nothing while the database cannot be read: then every run would look unknown', async () => {
    const world = makeWorld();
    const { id } = world.store.addRun();
    await deploy(world, id);
    await deploy(world, UNKNOWN_RUN);
    await world.clock.advance(3_600_000);
    // The installation is known by heart after the first question, so that only the look at the runs fails.
    jest.spyOn(world.store, 'lookUp').mockRejectedValue(new Error('the database is away'));
    await expect(world.reaper.reap()).rejects.toThrow('the database is away');
    expect(world.runtime.engine.agents).toHaveLength(2);
    expect(world.runtime.callsOf('teardown')).toBe(0);
  });

  it('gives up a removal that never answers, and removes what other runs left meanwhile', async () => {
    const world = makeWorld();
    const [hanging, other] = [world.store.addRun().id, world.store.addRun().id];
    for (const id of [hanging, other]) {
      world.store.requestCancel(id);
      await deploy(world, id);
    }
    world.runtime.faults.next('teardown', 'hang');
    const reaping = world.reaper.reapHost();
    await settle();
    expect(world.runtime.engine.agents.map(({ deployment }) => deployment.runId)).toEqual([hanging]);
    await world.clock.advance(TEARDOWN_LIMIT_MS);
    // Its container and its workspace were seen, and their removal was not.
    expect(await reaping).toMatchObject({ reaped: [hanging, other], resisting: [hanging], left: 2 });
    expect(world.reaper.findings).toMatchObject({ reapedRuns: 1, unremovedResources: 2, error: null });
    expect(await world.reaper.reapHost()).toMatchObject({ reaped: [hanging], resisting: [] });
    expect(world.runtime.engine.agents).toEqual([]);
  });

  it('gives up a look at the host that never answers, and looks again', async () => {
    const world = makeWorld();
    world.runtime.faults.next('list', 'hang');
    const reaping = world.reaper.reapHost();
    const refused = expect(reaping).rejects.toMatchObject({ code: 'engine_unreachable', retryable: true });
    await world.clock.advance(LIST_LIMIT_MS);
    await refused;
    expect(world.reaper.findings.error).toMatch(/no answer within/);
    await expect(world.reaper.reapHost()).resolves.toMatchObject({ reaped: [] });
  });
});
