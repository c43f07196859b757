import { randomUUID } from 'node:crypto';
import { deployOptions, type ContractFixture } from './contract-fixture';

export function describeDeploying(current: () => ContractFixture): void {
  describe('deploying', () => {
    it('has an identity that every worker of the host sees alike', async () => {
      const fixture = current();
      const [one, other] = await Promise.all([fixture.runtime.identify(), (await fixture.anotherWorker()).identify()]);
      expect(one.id).toMatch(/^[A-Za-z0-9_-]+$/);
      expect(other).toEqual(one);
      expect(one.description).not.toBe('');
    });

    it('prepares and starts an agent once, however often it is asked', async () => {
      const fixture = current();
      const { deployment, agent, handle } = await fixture.started({ does: 'echo' });
      await fixture.runtime.prepare(deployment, deployOptions());
      expect(await fixture.ensure(deployment, agent)).toBe(handle);
      expect(await fixture.runtime.inspect(handle)).toEqual({ status: 'running' });
      const reader = await fixture.read(handle);
      await reader.channel.write('one\n');
      await reader.until('echo: one');
      expect(reader.texts()).toEqual(['started', 'echo: one']);
      const [run] = await fixture.runtime.list(fixture.installationId);
      expect(run?.resources[fixture.setup.agentKind]).toBe(1);
    }, 60_000);

    it('gives two workers that start the same agent at once the same agent', async () => {
      const fixture = current();
      const agent = fixture.agent('solo', { does: 'echo' });
      const deployment = await fixture.prepared({ agents: [agent] });
      const other = await fixture.anotherWorker();
      const handles = await Promise.all([fixture.ensure(deployment, agent), fixture.ensure(deployment, agent, other)]);
      expect(handles[0]).toBe(handles[1]);
    }, 60_000);

    it('leaves an agent alone that has ended', async () => {
      const fixture = current();
      const { deployment, agent, handle } = await fixture.started({ does: 'exit', code: 0 });
      await (await fixture.read(handle)).toEnd();
      expect(await fixture.ensure(deployment, agent)).toBe(handle);
      expect(await fixture.runtime.inspect(handle)).toMatchObject({ status: 'exited', exitCode: 0 });
    }, 60_000);

    it('refuses a name that another run has', async () => {
      const fixture = current();
      const { deployment, agent } = await fixture.started({ does: 'echo' });
      const intruder = fixture.deployment({ name: deployment.name });
      await expect(fixture.ensure(intruder, agent)).rejects.toMatchObject({ code: 'name_conflict' });
    }, 60_000);

    it('says in the words of the engine why an agent could not start, and leaves nothing of it after teardown', async () => {
      const fixture = current();
      const agent = fixture.agent('solo', { does: 'notExist' });
      const deployment = await fixture.prepared({ agents: [agent] });
      await expect(fixture.ensure(deployment, agent)).rejects.toMatchObject({
        code: 'start_failed',
        retryable: false,
        message: expect.stringContaining('/no/such/program') as string,
      });
      const report = await fixture.runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 0 });
      expect(report.left).toEqual([]);
    }, 60_000);

    it('hands the environment over', async () => {
      const fixture = current();
      const value = `a "quoted" $value with ünïcode ${randomUUID()}`;
      const { handle } = await fixture.started(
        { does: 'printEnv', name: 'CONTRACT_VALUE' },
        { env: { CONTRACT_VALUE: value } },
      );
      const reader = await fixture.read(handle);
      await reader.toEnd();
      expect(reader.texts()).toEqual([value]);
    }, 60_000);

    it('puts files into the home of an agent, which it may change', async () => {
      const files = [
        { path: '.tool/deep/settings', content: 'grün\n' },
        { path: 'memory', content: 'x' },
      ];
      const behaviour = { does: 'readHome', name: '.tool/deep/settings', added: 'more' } as const;
      const fixture = current();
      const { handle } = await fixture.started(behaviour, { files });
      const reader = await fixture.read(handle);
      await reader.toEnd();
      expect(reader.texts()).toEqual(['grün', 'more']);
    }, 60_000);

    it('gives the agents of a run one workspace', async () => {
      const fixture = current();
      const agents = [
        fixture.agent('writer', { does: 'writeFile', name: 'note.txt', content: 'shared' }),
        fixture.agent('reader', { does: 'readFile', name: 'note.txt' }),
      ] as const;
      const deployment = await fixture.prepared({ agents });
      await (await fixture.read(await fixture.ensure(deployment, agents[0]))).until('written');
      const reader = await fixture.read(await fixture.ensure(deployment, agents[1]));
      await reader.toEnd();
      expect(reader.texts()).toEqual(['shared']);
    }, 60_000);

    it('lists what stands, by run', async () => {
      const fixture = current();
      const one = await fixture.started({ does: 'echo' });
      const pair = [fixture.agent('a', { does: 'echo' }), fixture.agent('b', { does: 'echo' })];
      const two = await fixture.prepared({ agents: pair });
      for (const agent of pair) await fixture.ensure(two, agent);
      const listed = await fixture.runtime.list(fixture.installationId);
      const agents = new Map(listed.map((run) => [run.runId, run.resources[fixture.setup.agentKind]]));
      expect(agents).toEqual(
        new Map([
          [one.deployment.runId, 1],
          [two.runId, 2],
        ]),
      );
      for (const run of listed) expect(run.youngestAgeMs).toBeLessThan(60_000);
      expect(await fixture.runtime.list(`unknown-${randomUUID()}`)).toEqual([]);
    }, 60_000);
  });
}
