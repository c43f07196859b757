import { randomUUID } from 'node:crypto';
import type { ContractFixture, RuntimeContractSupport } from './contract-fixture';
import { eventually } from './line-reader';

export function describeEnding(current: () => ContractFixture, supports: RuntimeContractSupport): void {
  describe('ending', () => {
    it('tells exit code and watchers when an agent ends', async () => {
      const fixture = current();
      const seen = fixture.watch();
      const elsewhere = fixture.watch(`unknown-${randomUUID()}`);
      const { deployment, handle } = await fixture.started({ does: 'exit', code: 7 });
      await eventually('the exit is reported', () => seen.some((ended) => ended?.runId === deployment.runId));
      expect(seen).toContainEqual({ runId: deployment.runId, agent: 'solo' });
      expect(elsewhere.filter((ended) => ended !== null)).toEqual([]);
      expect(await fixture.runtime.inspect(handle)).toEqual({
        status: 'exited',
        exitCode: 7,
        isOutOfMemory: false,
        message: '',
        mayLackOutput: false,
      });
    }, 60_000);

    if (supports.oom) {
      it('says so when the memory ran out', async () => {
        const fixture = current();
        const { handle } = await fixture.started({ does: 'eatMemory' }, { resources: { memory: '16m' } });
        await (await fixture.read(handle)).toEnd();
        expect(await fixture.runtime.inspect(handle)).toMatchObject({
          status: 'exited',
          exitCode: 137,
          isOutOfMemory: true,
        });
      }, 60_000);
    }

    it('removes all of a run, says what it removed, and knows nothing of it afterwards', async () => {
      const fixture = current();
      const agents = [fixture.agent('first', { does: 'echo' }), fixture.agent('second', { does: 'echo' })] as const;
      const deployment = await fixture.prepared({ agents });
      const handle = await fixture.ensure(deployment, agents[0]);
      await fixture.ensure(deployment, agents[1]);
      const before = (await fixture.runtime.list(fixture.installationId))[0]?.resources;
      const report = await fixture.runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 2_000 });
      expect(report).toEqual({ removed: before, left: [] });
      expect(report.removed[fixture.setup.agentKind]).toBe(2);
      expect(await fixture.runtime.list(fixture.installationId)).toEqual([]);
      expect(await fixture.runtime.inspect(handle)).toEqual({ status: 'absent' });
      const again = await fixture.runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 2_000 });
      expect(again).toEqual({ removed: {}, left: [] });
    }, 60_000);

    it('ends the output of an agent that is removed, and shows nothing of one that is gone', async () => {
      const fixture = current();
      const { deployment, handle } = await fixture.started({ does: 'echo' });
      const reader = await fixture.read(handle);
      await reader.until('started');
      await fixture.runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 0 });
      expect(await reader.next()).toBeNull();
      const late = await fixture.read(handle);
      expect(await late.toEnd()).toEqual([]);
      await expect(late.channel.write('are you there?\n')).rejects.toMatchObject({ retryable: false });
    }, 60_000);

    it('lets an agent end by itself within its grace', async () => {
      const fixture = current();
      const { deployment, handle } = await fixture.started({ does: 'obeySigterm' });
      const reader = await fixture.read(handle);
      await reader.until('ready');
      const [report] = await Promise.all([
        fixture.runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 20_000 }),
        reader.until('bye'),
      ]);
      expect(report.left).toEqual([]);
    }, 60_000);

    it('kills an agent that ignores SIGTERM', async () => {
      const fixture = current();
      const { deployment, handle } = await fixture.started({ does: 'ignoreSigterm' });
      await (await fixture.read(handle)).until('ready');
      const report = await fixture.runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 500 });
      expect(report).toMatchObject({ removed: { [fixture.setup.agentKind]: 1 }, left: [] });
      expect(await fixture.runtime.inspect(handle)).toEqual({ status: 'absent' });
    }, 60_000);

    it('tears down what was only half made', async () => {
      const fixture = current();
      const deployment = await fixture.prepared();
      const report = await fixture.runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 0 });
      expect(report.left).toEqual([]);
      expect(await fixture.runtime.list(fixture.installationId)).toEqual([]);
    }, 60_000);

    if (supports.stop) {
      it('stops agents and leaves them as they ended, with what they wrote', async () => {
        const fixture = current();
        const agents = [
          fixture.agent('writer', { does: 'writeFile', name: 'report.md', content: 'done' }),
          fixture.agent('stubborn', { does: 'ignoreSigterm' }),
        ] as const;
        const deployment = await fixture.prepared({ agents });
        const handles = [await fixture.ensure(deployment, agents[0]), await fixture.ensure(deployment, agents[1])];
        const [writer, stubborn] = await Promise.all(handles.map((handle) => fixture.read(handle)));
        await writer?.until('written');
        await stubborn?.until('ready');
        const { installationId, runId, epoch } = deployment;
        for (let time = 0; time < 2; time++)
          await fixture.runtime.stop(installationId, runId, { graceMs: time === 0 ? 300 : 0, epoch });
        for (const handle of handles) expect(await fixture.runtime.inspect(handle)).toMatchObject({ status: 'exited' });
        await writer?.toEnd();
        for await (const { path, ageMs } of fixture.runtime.readFiles(deployment, 'report.md')) {
          expect(path).toBe('report.md');
          expect(Math.abs(ageMs ?? Infinity)).toBeLessThan(60_000);
        }
      }, 60_000);
    }

    it('touches neither other runs, nor other installations, nor what merely looks alike', async () => {
      const fixture = current();
      const one = await fixture.started({ does: 'echo' });
      const sibling = await fixture.started({ does: 'echo' });
      const agent = fixture.agent('solo', { does: 'echo' });
      const foreign = await fixture.prepared({ installationId: `contract-${randomUUID()}`, agents: [agent] });
      const foreignHandle = await fixture.ensure(foreign, agent);
      const lookAlike = await fixture.lookAlike(one.deployment.name);
      await fixture.runtime.teardown(fixture.installationId, one.deployment.runId, { graceMs: 0 });
      await fixture.runtime.teardown(fixture.installationId, foreign.runId, { graceMs: 0 });
      expect(await fixture.runtime.inspect(one.handle)).toEqual({ status: 'absent' });
      expect(await fixture.runtime.inspect(sibling.handle)).toEqual({ status: 'running' });
      expect(await fixture.runtime.inspect(foreignHandle)).toEqual({ status: 'running' });
      if (lookAlike) expect(await lookAlike.isIntact()).toBe(true);
    }, 60_000);
  });
}
