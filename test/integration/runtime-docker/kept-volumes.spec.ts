import { randomUUID } from 'node:crypto';
import type { DeploymentSpec } from '@crewtab/domain/ports/runtime';
import { describeWithDocker } from '../../kit/services/docker';
import { openLab, type DockerLab } from './docker-lab';

describeWithDocker('a workspace that is kept', () => {
  let lab: DockerLab;
  const scheduleId = randomUUID();
  const keptWorkspace = { scheduleId, generation: 1 };
  const volume = `crewtab-kept-${scheduleId}-1`;

  beforeAll(async () => (lab = await openLab()));
  afterAll(async () => {
    await lab.runtime.workspaceKeeper.remove(lab.fixture.installationId, keptWorkspace);
    await lab.fixture.dispose();
  }, 60_000);

  /** A run that writes a file of that name, and is removed. */
  async function play(name: string): Promise<DeploymentSpec> {
    const { fixture, runtime } = lab;
    const agent = fixture.agent('solo', { does: 'echo' });
    const deployment = await fixture.prepared({ keptWorkspace, agents: [agent] });
    const files = [{ path: name, content: Buffer.from(name), mode: 0o644 }];
    await runtime.putFiles(deployment, files);
    await fixture.ensure(deployment, agent);
    return deployment;
  }

  const isThere = (): Promise<boolean> =>
    lab.docker
      .getVolume(volume)
      .inspect()
      .then(
        () => true,
        () => false,
      );

  it('outlives the teardown of its run, which does not count it, and is there for the next', async () => {
    const { fixture, runtime } = lab;
    const { workspaceKeeper: keeper } = runtime;
    const { installationId } = fixture;
    const first = await play('one.txt');
    // Only its containers are the run's.
    expect(await runtime.list(installationId)).toMatchObject([{ runId: first.runId, resources: { container: 1 } }]);
    expect((await runtime.measureDisk(installationId))?.get(first.runId)).toBeGreaterThan(0);
    expect(await keeper.list(installationId)).toEqual([keptWorkspace]);
    expect(await keeper.list('another-installation')).toEqual([]);
    // A container has it.
    expect(await keeper.remove(installationId, keptWorkspace)).toBe(false);
    const report = await runtime.teardown(installationId, first.runId, { graceMs: 0 });
    expect(report).toEqual({ removed: { container: 1 }, left: [] });
    expect(await runtime.list(installationId)).toEqual([]);
    expect(await isThere()).toBe(true);
    const second = await play('two.txt');
    const found: string[] = [];
    for await (const { path } of runtime.readFiles(second, '')) found.push(path);
    expect(found.sort()).toEqual(['one.txt', 'two.txt']);
    await runtime.teardown(installationId, second.runId, { graceMs: 0 });
    expect((await keeper.measure(installationId))?.get(scheduleId)).toBeGreaterThan(0);
    expect(await keeper.remove('another-installation', keptWorkspace)).toBe(false);
    expect(await keeper.remove(installationId, keptWorkspace)).toBe(true);
    expect(await keeper.remove(installationId, keptWorkspace)).toBe(true);
    expect(await isThere()).toBe(false);
  }, 120_000);

  it('is no volume that another made', async () => {
    await lab.docker.createVolume({ Name: volume, Labels: { mine: 'yes' } });
    try {
      await expect(lab.fixture.prepared({ keptWorkspace })).rejects.toMatchObject({ code: 'name_conflict' });
      expect(await lab.runtime.workspaceKeeper.remove(lab.fixture.installationId, keptWorkspace)).toBe(false);
    } finally {
      await lab.docker.getVolume(volume).remove();
    }
  });
});
