import { FAR_WORKER, NOTHING, OTHER_WORKER, WORKER, type RunStoreFixture } from './run-store-fixture';

const KEPT = { workspace: { persist: true } };
const FAILED = { status: 'failed', result: null, error: { code: 'agent_exited', message: 'it ended' } } as const;

export function describeKeptWorkspaces(fixture: () => RunStoreFixture): void {
  describe('a workspace that a schedule keeps', () => {
    const queue = { ...KEPT, schedule: 'keeps', isExclusive: true };
    const begin = (claim: { runId: string; epoch: number }, host: string) =>
      fixture().store.begin(claim, { name: claim.runId, fallbackName: `${claim.runId}-2`, host, runtime: 'fake' });

    it('is that of one run after the other, and of none while something is left of the run before', async () => {
      const { store } = fixture();
      const first = await fixture().claimed(queue);
      const begun = await begin(first, WORKER.host);
      expect(begun.keptWorkspace).toEqual({ scheduleId: begun.scheduleId, generation: 1 });
      expect(begun.workspaceNotice).toBeUndefined();
      const nextId = await fixture().subject.addRun(queue);
      await store.conclude(first, FAILED);
      // It has ended, and its containers may still be there.
      expect(await store.claim(nextId, OTHER_WORKER)).toBeNull();
      expect(await store.findOfferable(0, 10)).toEqual([]);
      await store.finish(first, NOTHING);
      expect(await store.findOfferable(0, 10)).toEqual([nextId]);
      const next = await begin(await fixture().claim(nextId), WORKER.host);
      expect(next.keptWorkspace).toEqual(begun.keptWorkspace);
      expect(next.workspaceNotice).toBeUndefined();
    });

    it('begins anew on another host, which the run says', async () => {
      const { store } = fixture();
      const first = await fixture().claimed(queue);
      await begin(first, WORKER.host);
      await store.conclude(first, FAILED);
      await store.finish(first, NOTHING);
      const claim = await fixture().claim(await fixture().subject.addRun(queue), FAR_WORKER);
      const next = await begin(claim, FAR_WORKER.host);
      expect(next).toMatchObject({
        keptWorkspace: { generation: 2 },
        workspaceNotice: `the run before had its workspace on the host ${WORKER.host}`,
      });
      expect(await store.load(claim)).toMatchObject({ keptWorkspace: { generation: 2 } });
    });

    it('is none where runs may overlap: each has its own, and says why', async () => {
      const claim = await fixture().claimed(KEPT);
      const run = await begin(claim, WORKER.host);
      expect(run.keptWorkspace).toBeUndefined();
      expect(run.workspaceNotice).toContain('overlap policy allow');
    });
  });
}
