import { NOTHING, say, WORKER, type RunStoreFixture } from './run-store-fixture';

const FAILED = {
  status: 'failed',
  result: null,
  error: { code: 'agent_exited', message: 'agent "lead" ended' },
} as const;
const DAY_MS = 86_400_000;
const SUCCESS = { status: 'success', result: 'All done.', error: null } as const;

export function describeLiving(fixture: () => RunStoreFixture): void {
  describe('the life of a run', () => {
    it('begins with its clock and the intent', async () => {
      const claim = await fixture().claimed({ timeoutMs: 90_000 });
      const run = await fixture().begin(claim, 'marketing-run-aaaaaa');
      expect(run).toMatchObject({
        status: 'running',
        phase: 'deploying',
        host: WORKER.host,
        epoch: claim.epoch,
        finishedAt: null,
      });
      expect((run.deadlineAt?.getTime() ?? 0) - (run.startedAt?.getTime() ?? 0)).toBe(90_000);
      const asked = { handle: null, startedAt: null, readyAt: null, cursor: { stdout: 0, stderr: 0 } };
      expect(run.deployment).toMatchObject({
        name: 'marketing-run-aaaaaa',
        agents: [
          { name: 'lead', ...asked },
          { name: 'writer', ...asked },
        ],
      });
      expect(await fixture().begin(claim, 'marketing-run-aaaaaa')).toEqual(run);
    });

    it('has a deadline 30 days away to the millisecond, also when it is read again', async () => {
      const { store } = fixture();
      const claim = await fixture().claimed({ timeoutMs: 30 * DAY_MS });
      const { startedAt, deadlineAt } = await fixture().begin(claim);
      expect((deadlineAt?.getTime() ?? 0) - (startedAt?.getTime() ?? 0)).toBe(30 * DAY_MS);
      expect(await store.load(claim)).toMatchObject({ startedAt, deadlineAt, plan: { timeoutMs: 30 * DAY_MS } });
      expect(
        await fixture()
          .takenOver(claim)
          .then((second) => store.load(second)),
      ).toMatchObject({ deadlineAt });
    });

    it('takes the longer name where the short one is taken', async () => {
      const [first, second] = [await fixture().claimed(), await fixture().claimed()];
      await fixture().begin(first, 'marketing-run-bbbbbb');
      expect((await fixture().begin(second, 'marketing-run-bbbbbb')).deployment?.name).toBe(
        `team-${second.runId}-long`,
      );
    });

    it('keeps what is known of each agent', async () => {
      const { store } = fixture();
      const claim = await fixture().begun();
      const [startedAt, readyAt] = [new Date('2026-03-01T10:00:00.111Z'), new Date('2026-03-01T10:00:00.999Z')];
      await store.saveAgent(claim, 'writer', { handle: 'container-1' });
      await store.saveAgent(claim, 'writer', { startedAt });
      await store.saveAgent(claim, 'writer', { readyAt });
      const { deployment } = await store.load(claim);
      expect(deployment?.agents[0]).toMatchObject({ name: 'lead', handle: null });
      expect(deployment?.agents[1]).toMatchObject({ name: 'writer', handle: 'container-1', startedAt, readyAt });
      await expect(store.saveAgent(claim, 'stranger', { handle: 'x' })).rejects.toMatchObject({ code: 'not_found' });
    });

    it('gives the permit to one epoch only, and the prompt is one message', async () => {
      const { store, subject } = fixture();
      const claim = await fixture().begun();
      expect(await store.permitPrompt(claim, say('prompt', 'Go.'))).toBe(true);
      expect((await store.load(claim)).deployment?.agents.every(({ readyAt }) => readyAt !== null)).toBe(true);
      expect(await store.permitPrompt(claim, say('prompt', 'Go.'))).toBe(true);
      expect(await store.load(claim)).toMatchObject({ phase: 'prompting', prompt: { state: 'permitted' } });
      const next = await fixture().takenOver(claim);
      expect(await store.permitPrompt(next, say('prompt', 'Go.'))).toBe(false);
      expect((await subject.messages(claim.runId)).map(({ kind }) => kind)).toEqual(['prompt']);
    });

    it('needs a permit before it can be confirmed', async () => {
      const { store } = fixture();
      const claim = await fixture().begun();
      await expect(store.confirmPrompt(claim)).rejects.toMatchObject({ code: 'conflict' });
      await store.permitPrompt(claim, say('prompt', 'Go.'));
      const run = await store.confirmPrompt(claim);
      expect(run).toMatchObject({ phase: 'monitoring', prompt: { state: 'sent', sentAt: expect.any(Date) as Date } });
      expect(await store.confirmPrompt(claim)).toEqual(run);
    });

    it.each(['failed', 'timeout', 'cancelled'] as const)('makes %s the status at once', async (status) => {
      const { store } = fixture();
      const claim = await fixture().monitored();
      const outcome = { ...FAILED, status };
      const run = await store.conclude(claim, outcome);
      expect(run).toMatchObject({ status, phase: 'tearing_down', outcome, finishedAt: expect.any(Date) as Date });
      expect(run.teardown).toMatchObject({ begunAt: expect.any(Date) as Date, failedAttempts: 0, receipt: null });
      expect(await store.conclude(claim, SUCCESS)).toEqual(run);
    });

    it('stores the warnings with the outcome, whichever it is', async () => {
      const { store } = fixture();
      const claim = await fixture().monitored();
      expect((await store.load(claim)).warnings).toEqual([]);
      const warnings = [{ code: 'unknown_update', message: 'agent "lead" \u0000sent it' } as const];
      const run = await store.conclude(claim, SUCCESS, warnings);
      expect(run.warnings).toMatchObject([{ code: 'unknown_update' }]);
      expect((await store.conclude(claim, FAILED, [])).warnings).toEqual(run.warnings);
      const { run: finished } = await store.finish(claim, {});
      expect(finished.warnings).toEqual(run.warnings);
    });

    it('keeps a success pending until the teardown is verified', async () => {
      const { store } = fixture();
      const claim = await fixture().monitored();
      const concluded = await store.conclude(claim, SUCCESS);
      expect(concluded).toMatchObject({ status: 'running', phase: 'tearing_down', outcome: SUCCESS, finishedAt: null });
      await store.recordTeardownFailure(claim, { code: 'engine_error', message: 'busy' }, { container: 1, process: 1 });
      const { run, receipt } = await store.finish(claim, { container: 1, network: 1, volume: 1, process: 2 });
      expect(receipt).toMatchObject({
        removed: { container: 2, network: 1, volume: 1, process: 3 },
        verifiedAt: expect.any(Date) as Date,
      });
      expect(run).toMatchObject({
        status: 'success',
        phase: 'finished',
        outcome: SUCCESS,
        finishedAt: expect.any(Date) as Date,
      });
      expect(run.teardown).toMatchObject({
        failedAttempts: 1,
        error: { code: 'engine_error', message: 'busy' },
        receipt,
      });
      expect(await store.finish(claim, { container: 9, process: 9 })).toEqual({ run, receipt });
      expect(await store.claim(claim.runId, WORKER)).toBeNull();
      expect(await store.renewLeases(WORKER, [claim])).toEqual([]);
    });

    it('turns a success into failed when its teardown cannot be completed', async () => {
      const { store } = fixture();
      const claim = await fixture().succeeded();
      const run = await store.failTeardown(claim, { code: 'teardown_failed', message: 'stuck' });
      expect(run).toMatchObject({
        status: 'failed',
        phase: 'tearing_down',
        outcome: { result: 'done', error: { code: 'teardown_failed' } },
      });
      expect(await store.failTeardown(claim, { code: 'teardown_failed', message: 'again' })).toEqual(run);
      const finished = await store.finish(claim, NOTHING);
      expect(finished.run).toMatchObject({ status: 'failed', phase: 'finished', finishedAt: run.finishedAt });
    });

    it('refuses what does not belong to the phase', async () => {
      const { store } = fixture();
      const queued = await fixture().claimed();
      const conflict = { code: 'conflict', retryable: false };
      await expect(store.conclude(queued, FAILED)).rejects.toMatchObject(conflict);
      await expect(store.permitPrompt(queued, say('prompt', 'Go.'))).rejects.toMatchObject(conflict);
      await expect(store.finish(queued, NOTHING)).rejects.toMatchObject(conflict);
      const begun = await fixture().begun();
      await expect(store.failTeardown(begun, FAILED.error)).rejects.toMatchObject(conflict);
      await expect(store.recordTeardownFailure(begun, FAILED.error, NOTHING)).rejects.toMatchObject(conflict);
      await store.conclude(begun, FAILED);
      await expect(store.permitPrompt(begun, say('prompt', 'Go.'))).rejects.toMatchObject(conflict);
    });
  });

  describe('cancelling', () => {
    it('ends a queued run at once, also under a claim that ran out', async () => {
      const { store, subject } = fixture();
      const claim = await fixture().claimed();
      await subject.expireLease(claim.runId);
      await subject.requestCancel(claim.runId);
      expect(await store.claim(claim.runId, WORKER)).toBeNull();
      await expect(fixture().begin(claim)).rejects.toMatchObject({ code: 'claim_lost' });
      expect((await store.lookUp([claim.runId])).get(claim.runId)).toEqual({ isFinished: true });
    });

    it('only asks the owner of a begun one', async () => {
      const { store, subject } = fixture();
      const claim = await fixture().begun();
      await subject.requestCancel(claim.runId);
      expect(await store.load(claim)).toMatchObject({
        status: 'running',
        phase: 'deploying',
        cancelRequestedAt: expect.any(Date) as Date,
        cancelCode: 'cancelled',
      });
    });

    it.each([SUCCESS, FAILED])('that was asked for before the outcome goes before it ($status)', async (outcome) => {
      const { store, subject } = fixture();
      const claim = await fixture().monitored();
      await subject.requestCancel(claim.runId);
      const asked = await store.conclude(claim, outcome);
      expect(asked).toMatchObject({
        status: 'running',
        phase: 'monitoring',
        cancelRequestedAt: expect.any(Date) as Date,
      });
      const cancelled = {
        status: 'cancelled',
        result: null,
        error: { code: 'cancelled', message: 'on request' },
      } as const;
      expect(await store.conclude(claim, cancelled)).toMatchObject({ status: 'cancelled', phase: 'tearing_down' });
    });

    it('comes too late once the outcome is decided', async () => {
      const { store, subject } = fixture();
      const claim = await fixture().monitored();
      await store.conclude(claim, SUCCESS);
      await subject.requestCancel(claim.runId);
      expect(await store.load(claim)).toMatchObject({ status: 'running', outcome: SUCCESS, cancelRequestedAt: null });
    });
  });
}
