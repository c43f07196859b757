import { describeWithDocker } from '../../kit/services/docker';
import { eventually } from '../../kit/wait-for';
import { openLab, type DockerLab } from './docker-lab';

describeWithDocker('tearing down', () => {
  let lab: DockerLab | null = null;

  afterEach(async () => {
    await lab?.fixture.dispose();
    lab = null;
  }, 60_000);

  it('reports what resists in the words of the engine, and removes it once it can', async () => {
    lab = await openLab();
    const { fixture, docker, runtime, image } = lab;
    const deployment = await fixture.prepared({ network: { kind: 'open', hasOwnBridge: true } });
    await fixture.ensure(deployment, fixture.agent('solo', { does: 'echo' }));
    const squatter = await docker.createContainer({
      Image: image,
      Cmd: ['sleep', '600'],
      HostConfig: { NetworkMode: deployment.name, Binds: [`${deployment.name}-workspace:/mnt`] },
    });
    await squatter.start();
    try {
      const report = await runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 0 });
      expect(report.removed).toEqual({ container: 1 });
      expect(report.left).toEqual([
        { kind: 'network', name: deployment.name, reason: expect.stringContaining('active endpoints') as string },
        { kind: 'volume', name: `${deployment.name}-workspace`, reason: expect.stringContaining('in use') as string },
      ]);
    } finally {
      await squatter.remove({ force: true });
    }
    const again = await runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 0 });
    expect(again).toEqual({ removed: { network: 1, volume: 1 }, left: [] });
  }, 60_000);

  /** An engine that is killed in the middle of making a volume comes back with such a one. */
  it('makes a half-made workspace anew, and removes one that is left', async () => {
    lab = await openLab();
    const { fixture, docker, runtime } = lab;
    const deployment = fixture.deployment();
    const name = `${deployment.name}-workspace`;
    const lookalike = `${name}-of-a-person`;
    await docker.createVolume({ Name: name });
    await docker.createVolume({ Name: lookalike });
    try {
      await fixture.ensure(await fixture.prepared(deployment), fixture.agent('solo', { does: 'echo' }));
      expect(await runtime.list(fixture.installationId)).toMatchObject([{ resources: { container: 1, volume: 1 } }]);
      const report = await runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 0 });
      expect(report).toEqual({ removed: { container: 1, volume: 1 }, left: [] });

      await docker.createVolume({ Name: name });
      const again = await runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 0 });
      expect(again).toEqual({ removed: { volume: 1 }, left: [] });
      await expect(docker.getVolume(name).inspect()).rejects.toMatchObject({ statusCode: 404 });
    } finally {
      await docker.getVolume(lookalike).remove();
    }
  }, 60_000);

  it('is safe twice at once', async () => {
    lab = await openLab();
    const { fixture, runtime } = lab;
    const other = await fixture.anotherWorker();
    const deployment = await fixture.prepared({ network: { kind: 'open', hasOwnBridge: true } });
    await Promise.all(
      ['a', 'b', 'c'].map((name) => fixture.ensure(deployment, fixture.agent(name, { does: 'ignoreSigterm' }))),
    );
    const reports = await Promise.all(
      [runtime, other].map((one) => one.teardown(deployment.installationId, deployment.runId, { graceMs: 100 })),
    );
    // One of them may look while the other is still at the network. A worker that sees something left asks again.
    await eventually(async () => {
      const again = await other.teardown(deployment.installationId, deployment.runId, { graceMs: 0 });
      expect(again.left).toEqual([]);
    });
    const removed = (kind: string): number => reports.reduce((sum, report) => sum + (report.removed[kind] ?? 0), 0);
    expect(removed('container')).toBeGreaterThanOrEqual(3);
    expect(await runtime.list(fixture.installationId)).toEqual([]);
  }, 60_000);

  it('takes the anonymous volumes along that an image asks for', async () => {
    lab = await openLab({}, { changes: ['VOLUME /data'] });
    const { fixture, docker, runtime } = lab;
    const { deployment, handle } = await fixture.started({ does: 'echo' });
    const { Mounts: mounts } = await docker.getContainer(handle).inspect();
    const anonymous = mounts.find((mount) => mount.Destination === '/data')?.Name ?? '';
    expect(anonymous).not.toBe('');
    await runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 0 });
    await expect(docker.getVolume(anonymous).inspect()).rejects.toMatchObject({ statusCode: 404 });
  }, 60_000);

  it('ends a run of several stubborn agents in little more than one grace', async () => {
    lab = await openLab();
    const { fixture, runtime } = lab;
    const deployment = await fixture.prepared();
    const names = ['a', 'b', 'c', 'd'];
    await Promise.all(names.map((name) => fixture.ensure(deployment, fixture.agent(name, { does: 'ignoreSigterm' }))));
    const report = await runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 500 });
    expect(report).toEqual({ removed: { container: 4, volume: 1 }, left: [] });
  }, 60_000);

  it('removes a paused agent too', async () => {
    lab = await openLab();
    const { fixture, docker, runtime } = lab;
    const { deployment, handle } = await fixture.started({ does: 'echo' });
    await docker.getContainer(handle).pause();
    expect(await runtime.inspect(handle)).toEqual({ status: 'running' });
    const report = await runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 300 });
    expect(report.left).toEqual([]);
  }, 60_000);
});
