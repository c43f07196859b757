import { ClaimLostError } from '@crewtab/domain/errors';
import type { KeptArtifact } from '@crewtab/domain/runs/artifact';
import { NOTHING, say, type RunStoreFixture } from './run-store-fixture';

const FAILED = { status: 'failed', result: null, error: { code: 'agent_exited', message: 'it ended' } } as const;
const CHECKS = [{ kind: 'file', name: 'a.md', status: 'passed', message: null, ms: 2 }] as const;
const VERIFIED = {
  status: 'success',
  result: 'All done.',
  error: null,
  verification: { status: 'passed', checks: CHECKS },
} as const;
const WARNING = { code: 'unknown_update', message: 'agent "lead" sent it' } as const;
const ARTIFACT: KeptArtifact = {
  path: 'out/a.md',
  bytes: 5_000_000_000,
  digest: 'd'.repeat(64),
  contentType: 'text/markdown; charset=utf-8',
  key: 'run/1-abc',
};
const VERIFY = { verify: { files: ['a.md'] } };
const PUSHES = { git: { url: 'https://git.example/a.git', secret: 'github', push: { branch: 'work' } } };
const TARGET = { branch: 'work', commit: 'b'.repeat(40) };
const ARTIFACTS = { artifacts: ['out/*.md'] };

export function describeFinishing(fixture: () => RunStoreFixture): void {
  describe('work that is finished', () => {
    it('is verified before its outcome: what the leader answered is kept meanwhile', async () => {
      const { store } = fixture();
      const claim = await fixture().monitored(VERIFY);
      expect((await store.load(claim)).plan).toMatchObject(VERIFY);
      const run = await store.endWork(claim, 'All done.', [WARNING]);
      expect(run).toMatchObject({
        status: 'running',
        phase: 'verifying',
        unverifiedResult: 'All done.',
        outcome: null,
        warnings: [WARNING],
      });
      expect(await store.endWork(claim, 'Again.', [])).toEqual(run);
      const second = await fixture().takenOver(claim);
      expect(await store.load(second)).toMatchObject({ phase: 'verifying', unverifiedResult: 'All done.' });
      const concluded = await store.conclude(second, VERIFIED, []);
      expect(concluded).toMatchObject({
        status: 'running',
        phase: 'tearing_down',
        outcome: VERIFIED,
        warnings: [WARNING],
        concludedAt: expect.any(Date) as Date,
      });
      expect(concluded.unverifiedResult).toBeUndefined();
      expect(await store.endWork(second, 'Late.', [])).toEqual(concluded);
      const { run: finished } = await store.finish(second, NOTHING);
      expect(finished).toMatchObject({ status: 'success', outcome: VERIFIED });
    });

    it('is pushed once: what is intended is stored before, and what came of it after', async () => {
      const { store } = fixture();
      const claim = await fixture().begun({ workspace: PUSHES });
      const repository = { commit: 'a'.repeat(40), branchAt: null };
      await store.noteRepository(claim, repository);
      await store.permitPrompt(claim, say('prompt', 'Write a report.'));
      await store.confirmPrompt(claim);
      await expect(store.noteRepository(claim, repository)).rejects.toMatchObject({ code: 'conflict' });
      await expect(store.beginPush(claim, TARGET)).rejects.toMatchObject({ code: 'conflict' });
      await store.endWork(claim, 'All done.', []);
      await expect(store.endPush(claim, { state: 'pushed', message: null })).rejects.toMatchObject({
        code: 'conflict',
      });
      const intended = { ...TARGET, state: 'pushing', message: null };
      expect(await store.beginPush(claim, TARGET)).toEqual(intended);
      const second = await fixture().takenOver(claim);
      expect(await store.load(second)).toMatchObject({ repository, push: intended });
      expect(await store.beginPush(second, { ...TARGET, commit: 'c'.repeat(40) })).toEqual(intended);
      await expect(store.endPush(claim, { state: 'pushed', message: null })).rejects.toThrow(ClaimLostError);
      await expect(store.conclude(second, { ...VERIFIED, verification: undefined })).rejects.toThrow();
      await store.endPush(second, { state: 'pushed', message: null });
      await store.endPush(second, { state: 'not_pushed', message: 'late' });
      const concluded = await store.conclude(second, { status: 'success', result: 'All done.', error: null });
      expect(concluded).toMatchObject({ phase: 'tearing_down', push: { ...TARGET, state: 'pushed', message: null } });
    });

    it('has a push that is unconfirmed where the run ends in the middle of it, until the answer comes', async () => {
      const { store } = fixture();
      const claim = await fixture().monitored({ workspace: PUSHES });
      await store.endWork(claim, 'All done.', []);
      await store.beginPush(claim, TARGET);
      const { push } = await store.conclude(claim, FAILED);
      expect(push).toEqual({ ...TARGET, state: 'unconfirmed', message: 'the run ended in the middle of it' });
      await store.endPush(claim, { state: 'pushed', message: null });
      expect((await store.load(claim)).push).toEqual({ ...TARGET, state: 'pushed', message: null });
    });

    it('is no success without its verification, nor with one that failed', async () => {
      const { store } = fixture();
      const claim = await fixture().monitored(VERIFY);
      const { verification: _, ...unverified } = VERIFIED;
      await expect(store.conclude(claim, unverified)).rejects.toThrow();
      await store.endWork(claim, 'All done.', []);
      const failing = { ...VERIFIED, verification: { status: 'failed', checks: [] } } as const;
      await expect(store.conclude(claim, failing)).rejects.toThrow();
      expect(await store.load(claim)).toMatchObject({ status: 'running', phase: 'verifying' });
      const error = { code: 'verification_failed', message: 'no' } as const;
      expect(await store.conclude(claim, { ...failing, status: 'failed', error })).toMatchObject({
        status: 'failed',
        outcome: { result: 'All done.', error, verification: { status: 'failed' } },
      });
    });

    it('is cancelled in the middle of its verification', async () => {
      const { store, subject } = fixture();
      const claim = await fixture().monitored(VERIFY);
      await store.endWork(claim, 'All done.', []);
      await subject.requestCancel(claim.runId);
      expect(await store.conclude(claim, VERIFIED)).toMatchObject({ phase: 'verifying', cancelCode: 'cancelled' });
      const error = { code: 'cancelled', message: 'on request' } as const;
      expect(await store.conclude(claim, { status: 'cancelled', result: 'All done.', error })).toMatchObject({
        status: 'cancelled',
        phase: 'tearing_down',
      });
    });

    it('is collected after the outcome, which a cancel does not change any more', async () => {
      const { store, subject } = fixture();
      const claim = await fixture().monitored(ARTIFACTS);
      const concluded = await store.conclude(claim, FAILED, [WARNING]);
      expect(concluded).toMatchObject({
        status: 'failed',
        phase: 'collecting',
        outcome: FAILED,
        teardown: { begunAt: null },
      });
      await subject.requestCancel(claim.runId);
      await expect(store.finish(claim, NOTHING)).rejects.toMatchObject({ code: 'conflict' });
      const incomplete = { code: 'artifacts_incomplete', message: 'no time' } as const;
      const run = await store.endCollecting(claim, [ARTIFACT], [incomplete]);
      expect(run).toMatchObject({
        status: 'failed',
        phase: 'tearing_down',
        cancelRequestedAt: null,
        artifacts: { count: 1, bytes: 5_000_000_000 },
        warnings: [WARNING, incomplete],
        teardown: { begunAt: expect.any(Date) as Date },
      });
      expect(await store.endCollecting(claim, [], [])).toEqual(run);
      expect((await store.finish(claim, NOTHING)).run.artifacts).toEqual({ count: 1, bytes: 5_000_000_000 });
    });

    it('that succeeded is pending while it is collected', async () => {
      const { store } = fixture();
      const claim = await fixture().monitored(ARTIFACTS);
      const { verification: _, ...success } = VERIFIED;
      expect(await store.conclude(claim, success)).toMatchObject({
        status: 'running',
        phase: 'collecting',
        outcome: success,
      });
      expect(await store.endCollecting(claim, [], [])).toMatchObject({
        status: 'running',
        phase: 'tearing_down',
        artifacts: { count: 0, bytes: 0 },
      });
      expect((await store.finish(claim, NOTHING)).run.status).toBe('success');
    });

    it('has left nothing where its prompt was never permitted, and may have where it was', async () => {
      const { store } = fixture();
      const unprompted = await fixture().begun(ARTIFACTS);
      expect(await store.conclude(unprompted, FAILED)).toMatchObject({ phase: 'tearing_down' });
      const prompted = await fixture().begun(ARTIFACTS);
      await store.permitPrompt(prompted, say('prompt', 'Go.'));
      expect(await store.conclude(prompted, FAILED)).toMatchObject({ phase: 'collecting' });
    });

    it('refuses what does not belong to the phase', async () => {
      const { store } = fixture();
      const claim = await fixture().begun({ ...VERIFY, ...ARTIFACTS });
      const conflict = { code: 'conflict' };
      await expect(store.endWork(claim, 'x', [])).rejects.toMatchObject(conflict);
      await expect(store.endCollecting(claim, [], [])).rejects.toMatchObject(conflict);
    });
  });
}
