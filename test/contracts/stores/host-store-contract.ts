import type { HostStore, SystemState, WorkerHeartbeat } from '@crewtab/domain/ports/host-store';
import type { Claim } from '@crewtab/domain/ports/run-store';
import {
  aHeartbeat,
  FAR_WORKER,
  NOTHING,
  OTHER_WORKER,
  RunStoreFixture,
  WORKER,
  type RunStoreSubject,
} from './run-store-fixture';

/** The stores under test, on the same rows, and the hands that reach around them. */
export interface HostStoreSubject extends RunStoreSubject {
  readonly hosts: HostStore;
  /** As if every instant that the stores know, runs' included, lay `ms` further back. */
  passTime(ms: number): Promise<void>;
}

const SCHEDULER = { id: 'scheduler-1', hostname: 'machine', pid: 1, version: '1.0.0' };
const LIMIT_MS = 300_000;

/** What every HostStore must do; `setup` answers empty stores. */
export function hostStoreContract(name: string, setup: () => HostStoreSubject | Promise<HostStoreSubject>): void {
  describe(`${name} keeps the host store's contract`, () => {
    let subject: HostStoreSubject;
    let fixture: RunStoreFixture;
    let hosts: HostStore;

    beforeEach(async () => {
      subject = await setup();
      fixture = new RunStoreFixture(subject);
      hosts = subject.hosts;
    });
    afterEach(() => subject.close());

    const sendHeartbeat = (change: Partial<WorkerHeartbeat> = {}) => hosts.noteWorker({ ...aHeartbeat(), ...change });
    const watch = () => hosts.noteScheduler({ ...SCHEDULER, sweeper: { lastIterationAgoMs: null, error: null } });
    /** A steady watch of `ms`, as its heartbeats every few seconds make it. */
    const watchFor = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += 10_000) {
        await watch();
        await subject.passTime(Math.min(10_000, ms - passed));
      }
      await watch();
    };
    const endLost = () => hosts.endLostRuns(SCHEDULER.id, LIMIT_MS);
    const hostOf = async (id = WORKER.host): Promise<SystemState['hosts'][number] | undefined> =>
      (await hosts.readSystem()).hosts.find((host) => host.id === id);

    describe('heartbeats', () => {
      it('make hosts, workers and schedulers visible', async () => {
        expect(await sendHeartbeat({ heldRuns: 2, adoptedRuns: 1, refusal: 'not yet' })).toEqual({
          isDecommissioned: false,
        });
        await hosts.noteScheduler({ ...SCHEDULER, sweeper: { lastIterationAgoMs: 1_000, error: 'no' } });
        const { at, workers, schedulers, ...rest } = await hosts.readSystem();
        expect(await hostOf()).toMatchObject({
          runtime: 'docker',
          description: 'Docker 20',
          state: 'live',
          begunRuns: 0,
        });
        expect(workers).toHaveLength(1);
        expect(workers[0]).toMatchObject({
          id: WORKER.workerId,
          host: WORKER.host,
          isLive: true,
          heldRuns: 2,
          adoptedRuns: 1,
          refusal: 'not yet',
          reaper: { lastIterationAt: null, reapedRuns: 3, unremovedResources: 1, error: null },
          leases: [],
        });
        expect(schedulers[0]).toMatchObject({ ...SCHEDULER, isLive: true, sweeper: { error: 'no' } });
        expect(at.getTime() - (schedulers[0]?.sweeper.lastIterationAt?.getTime() ?? 0)).toBeGreaterThanOrEqual(1_000);
        expect(rest).toMatchObject({ pendingTeardowns: [], pendingTeardownCount: 0, unheldRuns: 0 });
      });

      it('are renewed in place, and age', async () => {
        await sendHeartbeat();
        await sendHeartbeat({ heldRuns: 7 });
        await watch();
        expect((await hosts.readSystem()).workers.map(({ heldRuns }) => heldRuns)).toEqual([7]);
        await subject.passTime(20_000);
        const { workers, schedulers } = await hosts.readSystem();
        expect([workers[0]?.isLive, schedulers[0]?.isLive, (await hostOf())?.state]).toEqual([
          false,
          false,
          'unresponsive',
        ]);
      });

      it('end with a goodbye; the host stays', async () => {
        await sendHeartbeat();
        await watch();
        await hosts.forgetWorker(WORKER.workerId);
        await hosts.forgetScheduler(SCHEDULER.id);
        expect(await hosts.readSystem()).toMatchObject({ workers: [], schedulers: [] });
        expect(await hostOf()).toMatchObject({ state: 'live' });
      });

      it('show leases with their epoch, and runs that no worker holds', async () => {
        await sendHeartbeat();
        const held = await fixture.begun();
        const unheld = await fixture.begun();
        await subject.expireLease(unheld.runId);
        const { workers, unheldRuns } = await hosts.readSystem();
        expect(workers[0]?.leases).toEqual([{ ...held, phase: 'deploying', leaseUntil: expect.any(Date) as Date }]);
        expect(unheldRuns).toBe(1);
        expect(await hostOf()).toMatchObject({ begunRuns: 2, pendingTeardownCount: 0 });
      });
    });

    describe('a host that is unresponsive', () => {
      let claim: Claim;
      beforeEach(async () => {
        await sendHeartbeat();
        claim = await fixture.monitored();
      });

      it('loses its runs after the limit, with the pending teardown left open, and no worker writes any more', async () => {
        await watchFor(LIMIT_MS - 10_000);
        expect(await endLost()).toEqual([]);
        await watchFor(20_000);
        expect(await endLost()).toEqual([
          {
            runId: claim.runId,
            host: WORKER.host,
            phase: 'monitoring',
            status: 'failed',
            error: { code: 'host_lost', message: expect.stringContaining('host host-1') as string },
          },
        ]);
        expect(await endLost()).toEqual([]);
        await expect(subject.store.load(claim)).rejects.toMatchObject({ code: 'claim_lost' });
        const { pendingTeardowns, pendingTeardownCount } = await hosts.readSystem();
        expect(pendingTeardownCount).toBe(1);
        expect(pendingTeardowns[0]).toMatchObject({
          runId: claim.runId,
          host: WORKER.host,
          status: 'failed',
          error: null,
        });
        expect((await subject.messages(claim.runId)).at(-1)).toMatchObject({
          seq: 2,
          agent: null,
          kind: 'system',
          content: { text: expect.stringMatching(/^The run ends as failed: .*\(host_lost\)\.$/) as string },
        });
        const [adopted] = await subject.store.claimAbandoned(OTHER_WORKER, 10);
        expect(adopted).toMatchObject({
          id: claim.runId,
          epoch: claim.epoch + 2,
          phase: 'tearing_down',
          status: 'failed',
        });
      });

      it('loses a run at its deadline already', async () => {
        const short = await fixture.begun({ timeoutMs: 15_000 });
        await watchFor(30_000);
        expect((await endLost()).map(({ runId, error }) => [runId, error.code])).toEqual([[short.runId, 'host_lost']]);
      });

      it('loses a success that was waiting for its teardown, whose result stays', async () => {
        const done = await fixture.succeeded();
        await watchFor(LIMIT_MS + 10_000);
        expect((await endLost()).map(({ runId }) => runId).sort()).toEqual([claim.runId, done.runId].sort());
        const runs = await subject.store.claimAbandoned(WORKER, 10);
        expect(runs.find(({ id }) => id === done.runId)).toMatchObject({
          status: 'failed',
          outcome: { result: 'done', error: { code: 'host_lost' } },
        });
      });

      it('has cancelled what a person asked to cancel', async () => {
        await subject.requestCancel(claim.runId);
        await watchFor(30_000);
        expect(await endLost()).toMatchObject([{ status: 'cancelled', error: { code: 'cancelled' } }]);
      });

      it('frees its schedule for the next run', async () => {
        const wish = { schedule: 'daily', isExclusive: true };
        await fixture.begun(wish);
        const next = await subject.addRun({ ...wish, scheduledFor: new Date('2099-01-01T00:00:00Z') });
        await watchFor(LIMIT_MS + 10_000);
        expect(await subject.store.claim(next, FAR_WORKER)).toBeNull();
        expect(await endLost()).toHaveLength(2);
        expect(await subject.store.claim(next, FAR_WORKER)).toMatchObject({ id: next });
      });

      it('is not lost to a scheduler that was not watching itself', async () => {
        await watch();
        await subject.passTime(LIMIT_MS * 2);
        expect(await endLost()).toEqual([]);
        await watch();
        expect(await endLost()).toEqual([]);
        expect(await hosts.endLostRuns('another scheduler', LIMIT_MS)).toEqual([]);
      });
    });

    it('keeps the runs of a host that sends heartbeats, and those that are held', async () => {
      const held = await fixture.monitored();
      const waiting = await fixture.monitored();
      await subject.store.release([waiting]);
      for (let passed = 0; passed < LIMIT_MS + 20_000; passed += 10_000) {
        await watch();
        await sendHeartbeat();
        expect(await subject.store.renewLeases(WORKER, [held])).toHaveLength(1);
        expect(await endLost()).toEqual([]);
        await subject.passTime(9_000);
      }
    });

    it('ends a run that a living host leaves alone past its deadline, as timeout', async () => {
      const { runId } = await fixture.monitored({ timeoutMs: 5_000 });
      await subject.expireLease(runId);
      const lost: string[] = [];
      for (let passed = 0; passed < 60_000; passed += 5_000) {
        await sendHeartbeat();
        await watch();
        lost.push(...(await endLost()).map(({ status, error }) => `${status} ${error.code} after ${passed}`));
        await subject.passTime(5_000);
      }
      expect(lost).toEqual(['timeout timeout after 35000']);
    });

    describe('what a host owes', () => {
      it('is claimed only where it is over, and by its own workers', async () => {
        const [over, pending, other] = [await fixture.monitored(), await fixture.succeeded(), await fixture.begun()];
        await subject.store.conclude(over, {
          status: 'failed',
          result: null,
          error: { code: 'agent_error', message: 'no' },
        });
        expect(await hosts.claimPendingTeardowns(OTHER_WORKER, 10)).toEqual([]);
        for (const { runId } of [over, pending, other]) await subject.expireLease(runId);
        expect(await hosts.claimPendingTeardowns(FAR_WORKER, 10)).toEqual([]);
        const owed = await hosts.claimPendingTeardowns(OTHER_WORKER, 10);
        expect(owed.map(({ id, epoch }) => [id, epoch])).toEqual([[over.runId, over.epoch + 1]]);
        const { receipt } = await subject.store.finish({ runId: over.runId, epoch: over.epoch + 1 }, NOTHING);
        expect(receipt).toMatchObject({ verifiedAt: expect.any(Date) as Date, givenUp: null });
        expect((await hosts.readSystem()).pendingTeardowns.map(({ runId }) => runId)).toEqual([pending.runId]);
      });
    });

    describe('decommissioning', () => {
      it('is refused for a host that is unknown or there', async () => {
        await sendHeartbeat();
        expect(await hosts.decommission('nowhere', 'ada')).toEqual({ state: 'absent' });
        expect(await hosts.decommission(WORKER.host, 'ada')).toEqual({ state: 'alive', workerIds: [WORKER.workerId] });
        expect(await hostOf()).toMatchObject({ state: 'live', decommissionedAt: null });
      });

      it('ends what runs there and finishes what is owed without proof, saying so', async () => {
        await sendHeartbeat();
        const [running, over] = [await fixture.monitored(), await fixture.monitored()];
        await subject.store.conclude(over, {
          status: 'failed',
          result: null,
          error: { code: 'agent_error', message: 'no' },
        });
        await subject.passTime(20_000);
        const result = await hosts.decommission(WORKER.host, 'ada');
        expect(result).toMatchObject({ state: 'done', by: 'ada' });
        expect(result.state === 'done' ? [...result.givenUpRunIds].sort() : []).toEqual(
          [running.runId, over.runId].sort(),
        );
        expect(await hosts.decommission(WORKER.host, 'bob')).toMatchObject({
          state: 'done',
          by: 'ada',
          givenUpRunIds: [],
        });
        expect(await hosts.readSystem()).toMatchObject({
          pendingTeardownCount: 0,
          pendingTeardowns: [],
          unheldRuns: 0,
        });
        expect(await hostOf()).toMatchObject({ state: 'decommissioned', decommissionedBy: 'ada' });
        for (const claim of [running, over])
          await expect(subject.store.load(claim)).rejects.toMatchObject({ code: 'claim_lost' });
        const ended = await subject.store.load({ runId: running.runId, epoch: running.epoch + 1 });
        expect(ended).toMatchObject({
          status: 'failed',
          phase: 'finished',
          outcome: { error: { code: 'host_lost' } },
          teardown: { receipt: { removed: {}, verifiedAt: null, givenUp: { by: 'ada' } } },
        });
        expect(await subject.store.load({ runId: over.runId, epoch: over.epoch + 1 })).toMatchObject({
          outcome: { error: { code: 'agent_error' } },
          teardown: { receipt: { givenUp: { by: 'ada' } } },
        });
        expect((await subject.messages(running.runId)).at(-1)?.content).toEqual({
          text: 'The host of this run was decommissioned by ada: what was made there was not removed.',
        });
      });

      it('ends when the host is back and was reaped, which proves what was given up', async () => {
        await sendHeartbeat();
        const [first, second] = [await fixture.monitored(), await fixture.monitored()];
        await subject.passTime(20_000);
        await hosts.decommission(WORKER.host, 'ada');
        expect(await sendHeartbeat()).toEqual({ isDecommissioned: true });
        const removed = new Map([[first.runId, { container: 2, volume: 1, pod: 1 }]]);
        expect(await hosts.readmit(WORKER.host, { removed, unremovedRunIds: [second.runId] })).toEqual({
          wasDecommissioned: true,
          verifiedRunIds: [first.runId],
        });
        expect(await hostOf()).toMatchObject({
          state: 'live',
          decommissionedAt: null,
          reapedAt: expect.any(Date) as Date,
        });
        const receiptOf = async ({ runId, epoch }: Claim) =>
          (await subject.store.load({ runId, epoch: epoch + 1 })).teardown.receipt;
        expect(await receiptOf(first)).toMatchObject({
          removed: { container: 2, volume: 1, pod: 1 },
          verifiedAt: expect.any(Date) as Date,
          givenUp: { by: 'ada' },
        });
        expect(await receiptOf(second)).toMatchObject({ verifiedAt: null, givenUp: { by: 'ada' } });
        expect(await hosts.readmit(WORKER.host, { removed: new Map(), unremovedRunIds: [] })).toEqual({
          wasDecommissioned: false,
          verifiedRunIds: [second.runId],
        });
      });
    });
  });
}
