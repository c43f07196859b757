import { ClaimLostError } from '@crewtab/domain/errors';
import { DEFAULT_LEASE_MS, OVERDUE_GRACE_MS } from '@crewtab/domain/ports/run-store';
import { FAR_WORKER, NOTHING, OTHER_WORKER, UNKNOWN_RUN, WORKER, type RunStoreFixture } from './run-store-fixture';

export function describeClaiming(fixture: () => RunStoreFixture): void {
  describe('claiming', () => {
    it('gives a queued run once, with a grown epoch', async () => {
      const { subject, store } = fixture();
      const runId = await subject.addRun();
      const run = await store.claim(runId, WORKER);
      expect(run).toMatchObject({
        id: runId,
        epoch: 1,
        status: 'queued',
        phase: 'queued',
        host: null,
        deployment: null,
      });
      expect(run?.plan.agents.map(({ name, role }) => [name, role])).toEqual([
        ['lead', 'leader'],
        ['writer', 'worker'],
      ]);
      expect(await store.claim(runId, OTHER_WORKER)).toBeNull();
      expect(await store.claim(UNKNOWN_RUN, WORKER)).toBeNull();
      expect(await store.claim('not an id', WORKER)).toBeNull();
    });

    it('gives a run to exactly one of many that ask at once', async () => {
      const { subject, store } = fixture();
      const runId = await subject.addRun();
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, n) => store.claim(runId, { workerId: `w${n}`, host: 'host-1' })),
      );
      expect(answers.filter((run) => run !== null)).toHaveLength(1);
    });

    it('gives it again when the lease has run out, and shuts the former owner out', async () => {
      const { subject, store } = fixture();
      const first = await fixture().begun();
      await subject.expireLease(first.runId);
      expect(await store.claim(first.runId, FAR_WORKER)).toBeNull();
      const second = await fixture().claim(first.runId, OTHER_WORKER);
      expect(second.epoch).toBe(first.epoch + 1);
      const writes = [
        () => store.load(first),
        () => fixture().begin(first),
        () => store.saveAgent(first, 'lead', { handle: 'x' }),
        () => store.appendMessages(first, []),
        () => store.permitPrompt(first, { agent: null, kind: 'prompt', content: {}, at: new Date() }),
        () => store.confirmPrompt(first),
        () => store.conclude(first, { status: 'success', result: null, error: null }),
        () => store.recordTeardownFailure(first, { code: 'engine_error', message: 'no' }, NOTHING),
        () => store.failTeardown(first, { code: 'teardown_failed', message: 'no' }),
        () => store.finish(first, NOTHING),
      ];
      for (const write of writes) await expect(write()).rejects.toBeInstanceOf(ClaimLostError);
      expect(await store.load(second)).toMatchObject({ phase: 'deploying', status: 'running', outcome: null });
    });

    it("holds a claim for as long as its own worker's lease", async () => {
      const { subject, store } = fixture();
      const runId = await subject.addRun();
      await fixture().claim(runId, { ...WORKER, leaseMs: 3_600_000 });
      expect(await store.claim(runId, { ...OTHER_WORKER, leaseMs: 0 })).toBeNull();
      await subject.expireLease(runId);
      const brief = await fixture().claim(runId, { ...OTHER_WORKER, leaseMs: 0 });
      // Half a millisecond may remain: instants are kept in whole ones.
      let next = null;
      for (let attempt = 0; next === null && attempt < 100; attempt++) next = await store.claim(runId, WORKER);
      expect(next).toMatchObject({ epoch: brief.epoch + 1 });
    });

    it('takes over the runs of a host that no worker holds, oldest deadline first', async () => {
      const { subject, store } = fixture();
      const late = await fixture().begun({ timeoutMs: 7_200_000 });
      const soon = await fixture().begun({ timeoutMs: 60_000 });
      const held = await fixture().begun();
      const queued = await fixture().claimed();
      for (const { runId } of [late, soon, queued]) await subject.expireLease(runId);
      expect(await store.claimAbandoned(FAR_WORKER, 10)).toEqual([]);
      expect((await store.findAbandoned(10)).map(({ runId, host }) => [runId, host]).sort()).toEqual(
        [late, soon].map(({ runId }) => [runId, 'host-1']).sort(),
      );
      expect((await store.claimAbandoned(OTHER_WORKER, 1)).map(({ id, epoch }) => [id, epoch])).toEqual([
        [soon.runId, soon.epoch + 1],
      ]);
      expect((await store.claimAbandoned(OTHER_WORKER, 10)).map(({ id }) => id)).toEqual([late.runId]);
      expect(await store.findAbandoned(10)).toEqual([]);
      expect(await store.load(held)).toMatchObject({ epoch: held.epoch });
    });

    it('tells when the runs that others hold on a host could be taken over', async () => {
      const { subject, store } = fixture();
      expect(await store.untilAbandoned(OTHER_WORKER)).toBeNull();
      const held = await fixture().begun();
      expect(await store.untilAbandoned(WORKER)).toBeNull();
      expect(await store.untilAbandoned(FAR_WORKER)).toBeNull();
      const untilMs = await store.untilAbandoned(OTHER_WORKER);
      expect(untilMs).toBeGreaterThan(DEFAULT_LEASE_MS - 5_000);
      expect(untilMs).toBeLessThanOrEqual(DEFAULT_LEASE_MS);
      await subject.expireLease(held.runId);
      expect(await store.untilAbandoned(OTHER_WORKER)).toBe(0);
      await store.release([held]);
      expect(await store.untilAbandoned(OTHER_WORKER)).toBe(0);
    });

    it('takes an overdue run from a worker that was not heard of since the deadline', async () => {
      const { subject, store } = fixture();
      const unresponsive = await fixture().begun();
      const recent = await fixture().begun();
      const renewed = await fixture().begun();
      const over = await fixture().begun();
      await store.conclude(over, { status: 'failed', result: null, error: { code: 'agent_error', message: 'no' } });
      await subject.passDeadline(unresponsive.runId, OVERDUE_GRACE_MS + 500, OVERDUE_GRACE_MS + 1_500);
      await subject.passDeadline(over.runId, OVERDUE_GRACE_MS + 500, OVERDUE_GRACE_MS + 1_500);
      await subject.passDeadline(renewed.runId, OVERDUE_GRACE_MS + 500, OVERDUE_GRACE_MS);
      expect(await store.untilAbandoned(OTHER_WORKER)).toBe(0);
      expect((await store.claimAbandoned(OTHER_WORKER, 10)).map(({ id, epoch }) => [id, epoch])).toEqual([
        [unresponsive.runId, unresponsive.epoch + 1],
      ]);
      expect(await store.claimAbandoned(WORKER, 10)).toEqual([]);
      await subject.passDeadline(recent.runId, OVERDUE_GRACE_MS - 2_000, 2_000);
      const untilMs = await store.untilAbandoned(OTHER_WORKER);
      expect(untilMs).toBeGreaterThan(0);
      expect(untilMs).toBeLessThanOrEqual(2_000);
    });

    it('renews what still holds and tells of cancels', async () => {
      const { subject, store } = fixture();
      const [kept, cancelled, lost] = [await fixture().begun(), await fixture().begun(), await fixture().begun()];
      await subject.requestCancel(cancelled.runId);
      await fixture().takenOver(lost);
      await subject.expireLease(kept.runId);
      const renewed = await store.renewLeases(WORKER, [kept, cancelled, lost]);
      expect(renewed).toHaveLength(2);
      expect(renewed).toEqual(
        expect.arrayContaining([
          { ...kept, cancelRequestedAt: null, cancelCode: null },
          { ...cancelled, cancelRequestedAt: expect.any(Date) as Date, cancelCode: 'cancelled' },
        ]),
      );
      expect(await store.claim(kept.runId, OTHER_WORKER)).toBeNull();
      expect(await store.renewLeases(OTHER_WORKER, [kept])).toEqual([]);
      expect(await store.renewLeases(WORKER, [])).toEqual([]);
    });

    it('releases its runs without harm, and not those that another worker took', async () => {
      const { store } = fixture();
      const mine = await fixture().begun();
      const lost = await fixture().begun();
      const theirs = await fixture().takenOver(lost);
      await store.release([mine, lost]);
      expect(await store.renewLeases(WORKER, [mine])).toEqual([]);
      expect(await store.renewLeases(OTHER_WORKER, [theirs])).toHaveLength(1);
      expect(await store.claim(mine.runId, OTHER_WORKER)).toMatchObject({ phase: 'deploying', epoch: mine.epoch + 1 });
    });

    it('offers queued runs that no worker holds, oldest first', async () => {
      const { subject, store } = fixture();
      const newer = await subject.addRun({ scheduledFor: new Date('2026-01-02T00:00:00Z') });
      const older = await subject.addRun({ scheduledFor: new Date('2026-01-01T00:00:00Z') });
      await fixture().claimed();
      await fixture().begun();
      expect(await store.findOfferable(0, 10)).toEqual([older, newer]);
      expect(await store.findOfferable(0, 1)).toEqual([older]);
      expect(await store.findOfferable(3_600_000, 10)).toEqual([]);
    });

    it('looks up what is finished and what is unknown', async () => {
      const { store } = fixture();
      const live = await fixture().begun();
      const done = await fixture().succeeded();
      await store.finish(done, NOTHING);
      const found = await store.lookUp([live.runId, done.runId, UNKNOWN_RUN, 'not an id']);
      expect([...found].sort()).toEqual(
        [
          [live.runId, { isFinished: false }],
          [done.runId, { isFinished: true }],
        ].sort(),
      );
      expect((await store.lookUp([])).size).toBe(0);
    });
  });

  describe('runs of one schedule that may not overlap', () => {
    const early = { schedule: 'daily', isExclusive: true, scheduledFor: new Date('2026-01-01T00:00:00Z') };
    const late = { ...early, scheduledFor: new Date('2026-01-02T00:00:00Z') };

    it('are given one after the other, in order', async () => {
      const { subject, store } = fixture();
      const [second, first] = [await subject.addRun(late), await subject.addRun(early)];
      expect(await store.findOfferable(0, 10)).toEqual([first]);
      expect(await store.claim(second, WORKER)).toBeNull();
      const claim = await fixture().claim(first);
      await fixture().begin(claim);
      expect(await store.claim(second, WORKER)).toBeNull();
      expect(await store.findOfferable(0, 10)).toEqual([]);
      await store.conclude(claim, { status: 'failed', result: null, error: { code: 'agent_error', message: 'no' } });
      expect(await store.findOfferable(0, 10)).toEqual([second]);
      expect(await store.claim(second, WORKER)).not.toBeNull();
    });

    it('are found by the one that they waited for, the moment it is terminal', async () => {
      const { subject, store } = fixture();
      const first = await fixture().begun(early);
      const [third, second] = [
        await subject.addRun({ ...late, scheduledFor: new Date('2026-01-03T00:00:00Z') }),
        await subject.addRun(late),
      ];
      await subject.addRun({ ...late, schedule: 'another' });
      expect(await store.findNextInLine(first.runId)).toBeNull();
      await store.conclude(first, { status: 'failed', result: null, error: { code: 'agent_error', message: 'no' } });
      expect(await store.findNextInLine(first.runId)).toBe(second);
      await subject.requestCancel(second);
      expect(await store.findNextInLine(second)).toBe(third);
      await fixture().claim(third);
      expect(await store.findNextInLine(first.runId)).toBeNull();
      expect(await store.findNextInLine(UNKNOWN_RUN)).toBeNull();
      expect(await store.findNextInLine('not an id')).toBeNull();
    });

    it('wait for a pending success until it is torn down', async () => {
      const { subject, store } = fixture();
      const first = await fixture().succeeded(early);
      const second = await subject.addRun(late);
      expect(await store.findNextInLine(first.runId)).toBeNull();
      await store.finish(first, NOTHING);
      expect(await store.findNextInLine(first.runId)).toBe(second);
    });

    it('go back to the queue when another one began in between', async () => {
      const { subject, store } = fixture();
      const claimedLate = await fixture().claimed(late);
      const claimedEarly = await fixture().claimed(early);
      await fixture().begin(claimedEarly);
      await expect(fixture().begin(claimedLate)).rejects.toBeInstanceOf(ClaimLostError);
      expect(await store.claim(claimedLate.runId, WORKER)).toBeNull();
      await store.conclude(claimedEarly, {
        status: 'cancelled',
        result: null,
        error: { code: 'cancelled', message: 'no' },
      });
      expect(await store.claim(claimedLate.runId, WORKER)).toMatchObject({ status: 'queued' });
      expect(await subject.messages(claimedLate.runId)).toEqual([]);
    });

    it('hold no other run up where overlap is allowed', async () => {
      const { subject, store } = fixture();
      await fixture().begun({ schedule: 'busy' });
      const next = await subject.addRun({ schedule: 'busy' });
      expect(await store.findOfferable(0, 10)).toEqual([next]);
      expect(await store.claim(next, WORKER)).not.toBeNull();
    });
  });
}
