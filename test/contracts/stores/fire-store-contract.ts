import type { DueSchedule, FirePlan, PlannedRow } from '@crewtab/domain/ports/fire-store';
import { describeQuarantine } from './contract-quarantine';
import type { FireStoreSubject, ScheduleWish } from './fire-store-subject';

const MINUTE = 60_000;
const HOT = { lateAfterMs: MINUTE, limit: 100 };

/** What every FireStore must do. `setup` is called once per test and must answer a store without schedules. */
export function fireStoreContract(name: string, setup: () => FireStoreSubject | Promise<FireStoreSubject>): void {
  describe(`${name} keeps the fire store's contract`, () => {
    let subject: FireStoreSubject;

    beforeEach(async () => {
      subject = await setup();
    });
    afterEach(() => subject.close());

    describeHotPath(() => subject);
    describeGeneralPath(() => subject);
    describeQuarantine(() => subject);
    describePlanning(() => subject);
    describeJobSchedulers(() => subject);
    describeSingleWriter(() => subject);
  });
}

function describeHotPath(subject: () => FireStoreSubject): void {
  describe('the hot path', () => {
    const punctual = (wish: ScheduleWish = {}): Promise<string> =>
      subject().addSchedule({ nextFireAt: ago(subject(), 1_000), followingFireAt: ahead(subject(), MINUTE), ...wish });

    it('records each due instant once and moves the schedule on', async () => {
      const { store, instantsOf, runsOf } = subject();
      const id = await punctual();
      const { nextFireAt, followingFireAt } = await instantsOf(id);
      const { fired, hasMore } = await store.firePunctual(HOT);
      expect(fired).toEqual([{ runId: expect.any(String) as string, scheduleId: id, scheduledFor: nextFireAt }]);
      expect(hasMore).toBe(false);
      expect(await instantsOf(id)).toEqual({ nextFireAt: followingFireAt, followingFireAt: null });
      const [run] = await runsOf(id);
      expect(run).toMatchObject({
        id: fired[0]?.runId,
        trigger: 'schedule',
        status: 'queued',
        phase: 'queued',
        attempt: 1,
        epoch: 0,
      });
      expect(await store.firePunctual(HOT)).toEqual({ fired: [], hasMore: false });
    });

    it('records it once however many ask at the same time', async () => {
      const { store, runsOf } = subject();
      const ids = await Promise.all(Array.from({ length: 20 }, () => punctual()));
      const answers = await Promise.all(Array.from({ length: 4 }, () => store.firePunctual(HOT)));
      expect(answers.flatMap(({ fired }) => fired.map(({ scheduleId }) => scheduleId)).sort()).toEqual([...ids].sort());
      for (const id of ids) expect(await runsOf(id)).toHaveLength(1);
    });

    it('takes the oldest first, and says when there is more', async () => {
      const { store } = subject();
      const [newer, older] = [await punctual(), await punctual({ nextFireAt: ago(subject(), 5_000) })];
      const first = await store.firePunctual({ ...HOT, limit: 1 });
      expect(first).toMatchObject({ fired: [{ scheduleId: older }], hasMore: true });
      expect(await store.firePunctual({ ...HOT, limit: 10 })).toMatchObject({
        fired: [{ scheduleId: newer }],
        hasMore: false,
      });
    });

    it('leaves alone what needs a plan, and what is not due', async () => {
      const { store } = subject();
      await punctual({ nextFireAt: ago(subject(), 2 * MINUTE) });
      await punctual({ followingFireAt: ago(subject(), 500) });
      await punctual({ followingFireAt: null });
      await punctual({ overlap: 'skip' });
      await punctual({ nextFireAt: ahead(subject(), MINUTE / 2) });
      await subject().addSchedule({ enabled: false });
      expect(await store.firePunctual(HOT)).toEqual({ fired: [], hasMore: false });
    });

    it('makes no second run of an instant that an edit brought back', async () => {
      const { store, runsOf, instantsOf, editSchedule } = subject();
      const id = await punctual();
      const { nextFireAt, followingFireAt } = await instantsOf(id);
      await store.firePunctual(HOT);
      await editSchedule(id, { enabled: true, nextFireAt, followingFireAt });
      expect((await store.firePunctual(HOT)).fired).toEqual([]);
      expect(await runsOf(id)).toHaveLength(1);
      expect(await instantsOf(id)).toEqual({ nextFireAt: followingFireAt, followingFireAt: null });
    });
  });
}

function describeGeneralPath(subject: () => FireStoreSubject): void {
  describe('the general path', () => {
    const plan = (rows: readonly PlannedRow[], special: Partial<FirePlan> = {}): FirePlan => ({
      rows,
      cancelActive: false,
      nextFireAt: ahead(subject(), MINUTE),
      followingFireAt: ahead(subject(), 2 * MINUTE),
      ...special,
    });
    const queued = (scheduledFor: Date): PlannedRow => ({
      scheduledFor,
      trigger: 'catchup',
      status: 'queued',
      reason: null,
    });

    it('asks the planner about the oldest due schedule and records what it says', async () => {
      const { store, runsOf, instantsOf } = subject();
      await subject().addSchedule({ nextFireAt: ago(subject(), 3 * MINUTE) });
      const nextFireAt = ago(subject(), 5 * MINUTE);
      const id = await subject().addSchedule({ nextFireAt, overlap: 'queue', cron: '*/2 * * * *' });
      const gap = { from: nextFireAt, to: subject().now() };
      const reason = { code: 'missed', message: 'no scheduler was there', ...gap } as const;
      const instants = [5, 3, 1].map((minutes) => ago(subject(), minutes * MINUTE));
      const [missed = nextFireAt, skipped = nextFireAt, fired = nextFireAt] = instants;
      const asked: DueSchedule[] = [];
      const following = ahead(subject(), 3 * MINUTE);
      const result = await store.fireOne((due) => {
        asked.push(due);
        const skip = { code: 'overlap_skipped', message: 'busy', blockedBy: { scheduledFor: fired } } as const;
        return plan(
          [
            { scheduledFor: missed, trigger: 'schedule', status: 'missed', reason },
            { scheduledFor: skipped, trigger: 'schedule', status: 'skipped', reason: skip },
            queued(fired),
          ],
          { followingFireAt: following },
        );
      });
      expect(asked).toHaveLength(1);
      expect(asked[0]).toMatchObject({
        scheduleId: id,
        cron: '*/2 * * * *',
        overlap: 'queue',
        catchUp: 'latest',
        nextFireAt,
        activeRuns: 0,
        oldestActiveRunId: null,
        gapFrom: null,
      });
      expect(Math.abs((asked[0]?.now.getTime() ?? 0) - subject().now().getTime())).toBeLessThan(5_000);
      expect(result).toEqual({
        scheduleId: id,
        queued: [{ runId: expect.any(String) as string, scheduleId: id, scheduledFor: fired }],
        skipped: 1,
        missed: 1,
        hasMore: false,
        fault: null,
      });
      const runs = await runsOf(id);
      expect(
        runs.map(({ status, phase, trigger, notRunReason }) => [status, phase, trigger, notRunReason?.code ?? null]),
      ).toEqual([
        ['missed', 'finished', 'schedule', 'missed'],
        ['skipped', 'finished', 'schedule', 'overlap_skipped'],
        ['queued', 'queued', 'catchup', null],
      ]);
      expect(runs[0]).toMatchObject({ outcome: null, finishedAt: expect.any(Date) as Date, notRunReason: reason });
      expect(runs[1]?.notRunReason).toEqual({ code: 'overlap_skipped', message: 'busy', runId: runs[2]?.id });
      expect((await instantsOf(id)).followingFireAt).toEqual(following);
    });

    it('answers null when nothing is due', async () => {
      await subject().addSchedule({ nextFireAt: ahead(subject(), MINUTE) });
      await subject().addSchedule({ enabled: false });
      await subject().addSchedule();
      expect(await subject().store.fireOne(() => plan([]))).toBeNull();
    });

    it('counts the active runs and asks them to end for `replace`', async () => {
      const { store, runsOf } = subject();
      const id = await subject().addSchedule({ nextFireAt: ago(subject(), 2 * MINUTE), overlap: 'replace' });
      const [first, second] = [ago(subject(), 2 * MINUTE), ago(subject(), MINUTE)];
      await store.fireOne(() => plan([queued(first)], { nextFireAt: second }));
      const actives: unknown[] = [];
      await store.fireOne(({ activeRuns, oldestActiveRunId }) => {
        actives.push(activeRuns, oldestActiveRunId);
        return plan([queued(second)], { cancelActive: true });
      });
      const runs = await runsOf(id);
      expect(actives).toEqual([1, runs[0]?.id]);
      expect(runs.map(({ status, cancelCode }) => [status, cancelCode])).toEqual([
        ['cancelled', 'replaced'],
        ['queued', null],
      ]);
      expect(runs[0]?.outcome).toMatchObject({ status: 'cancelled', error: { code: 'replaced' } });
    });

    it('records a backlog in pieces as one gap', async () => {
      const { store, runsOf } = subject();
      const instants = [9, 6, 3].map((minutes) => ago(subject(), minutes * MINUTE));
      const [first = subject().now(), second = first, third = first] = instants;
      const id = await subject().addSchedule({ nextFireAt: first });
      const gaps: (Date | null)[] = [];
      const miss =
        (next: Date) =>
        ({ gapFrom, nextFireAt, now }: DueSchedule): FirePlan => {
          gaps.push(gapFrom);
          const reason = { code: 'missed', message: 'late', from: gapFrom ?? nextFireAt, to: now } as const;
          return plan([{ scheduledFor: nextFireAt, trigger: 'schedule', status: 'missed', reason }], {
            nextFireAt: next,
          });
        };
      for (const next of [second, third, ahead(subject(), MINUTE)]) await store.fireOne(miss(next));
      expect(gaps).toEqual([null, first, first]);
      const froms = (await runsOf(id)).map(({ notRunReason }) => notRunReason?.from);
      expect(froms).toEqual([first, first, first]);
    });

    it('changes nothing when the planner fails, and says why', async () => {
      const { store, instantsOf } = subject();
      const id = await subject().addSchedule({ nextFireAt: ago(subject(), MINUTE) });
      const before = await instantsOf(id);
      const fault = new Error('cannot plan');
      await expect(
        store.fireOne(() => {
          throw fault;
        }),
      ).rejects.toBe(fault);
      expect(await instantsOf(id)).toEqual(before);
    });
  });
}

function describePlanning(subject: () => FireStoreSubject): void {
  describe('planning ahead', () => {
    it('finds what has no following instant, and stores instants for it', async () => {
      const { store, instantsOf } = subject();
      const next = ahead(subject(), MINUTE);
      const [later, latest] = [ahead(subject(), 2 * MINUTE), ahead(subject(), 3 * MINUTE)];
      const blank = await subject().addSchedule();
      const half = await subject().addSchedule({ nextFireAt: next });
      await subject().addSchedule({ nextFireAt: next, followingFireAt: later });
      await subject().addSchedule({ enabled: false });
      const unplanned = await store.findUnplanned(10);
      expect(new Map(unplanned.map(({ scheduleId, nextFireAt }) => [scheduleId, nextFireAt]))).toEqual(
        new Map([
          [blank, null],
          [half, next],
        ]),
      );
      expect(await store.findUnplanned(1)).toHaveLength(1);
      const specVersion = unplanned[0]?.specVersion ?? 0;
      const instants = { nextFireAt: later, followingFireAt: latest };
      await store.savePlanned([
        { scheduleId: blank, specVersion, basedOn: null, ...instants },
        { scheduleId: half, specVersion, basedOn: next, nextFireAt: next, followingFireAt: later },
      ]);
      expect(await instantsOf(blank)).toEqual(instants);
      expect(await instantsOf(half)).toEqual({ nextFireAt: next, followingFireAt: later });
      expect(await store.findUnplanned(10)).toEqual([]);
    });

    it('stores nothing that was computed from another spec or instant', async () => {
      const { store, instantsOf, editSchedule } = subject();
      const next = ahead(subject(), MINUTE);
      const id = await subject().addSchedule({ nextFireAt: next });
      const [planned] = await store.findUnplanned(10);
      const specVersion = planned?.specVersion ?? 0;
      const instants = { nextFireAt: next, followingFireAt: ahead(subject(), 2 * MINUTE) };
      await store.savePlanned([{ scheduleId: id, specVersion, basedOn: ahead(subject(), 5 * MINUTE), ...instants }]);
      await store.savePlanned([{ scheduleId: id, specVersion, basedOn: null, ...instants }]);
      expect(await instantsOf(id)).toEqual({ nextFireAt: next, followingFireAt: null });
      await editSchedule(id, { enabled: true, nextFireAt: next, followingFireAt: null });
      await store.savePlanned([{ scheduleId: id, specVersion, basedOn: next, ...instants }]);
      expect(await instantsOf(id)).toEqual({ nextFireAt: next, followingFireAt: null });
      await store.savePlanned([]);
    });

    it('tells how long it is until the next instant: null without one, negative when it is past', async () => {
      const { store, editSchedule } = subject();
      await subject().addSchedule({ enabled: false });
      await subject().addSchedule();
      expect(await store.msUntilNextDue()).toBeNull();
      const id = await subject().addSchedule({ nextFireAt: ahead(subject(), MINUTE) });
      const ms = (await store.msUntilNextDue()) ?? 0;
      expect(ms).toBeGreaterThan(MINUTE - 10_000);
      expect(ms).toBeLessThanOrEqual(MINUTE + 10);
      await editSchedule(id, { enabled: true, nextFireAt: ago(subject(), 1_000), followingFireAt: null });
      expect(await store.msUntilNextDue()).toBeLessThanOrEqual(-1_000);
    });

    it('tells listeners of edits', async () => {
      const { store, editSchedule } = subject();
      const id = await subject().addSchedule();
      let hear: () => void = () => undefined;
      const heard = new Promise<void>((resolve) => (hear = resolve));
      const subscription = await store.onScheduleChanged(() => hear());
      await editSchedule(id, { enabled: false, nextFireAt: null, followingFireAt: null });
      await heard;
      subscription.close();
    });
  });
}

function describeJobSchedulers(subject: () => FireStoreSubject): void {
  describe('job schedulers', () => {
    it('are out of step after a create and an edit, until they are marked', async () => {
      const { store, editSchedule } = subject();
      const id = await subject().addSchedule({ cron: '0 9 * * *' });
      const [created] = await store.findUnsyncedJobSchedulers(10);
      expect(created).toMatchObject({ scheduleId: id, clock: { cron: '0 9 * * *' } });
      const first = created?.specVersion ?? 0;
      await store.markJobSchedulersSynced([{ scheduleId: id, specVersion: first }]);
      expect(await store.findUnsyncedJobSchedulers(10)).toEqual([]);
      await editSchedule(id, { enabled: true, cron: '0 10 * * *', nextFireAt: null, followingFireAt: null });
      const [edited] = await store.findUnsyncedJobSchedulers(10);
      expect(edited).toMatchObject({ scheduleId: id, clock: { cron: '0 10 * * *' } });
      expect(edited?.specVersion).toBeGreaterThan(first);
      await store.markJobSchedulersSynced([{ scheduleId: id, specVersion: first }]);
      expect(await store.findUnsyncedJobSchedulers(10)).toEqual([edited]);
      await editSchedule(id, { enabled: false, nextFireAt: null, followingFireAt: null });
      expect(await store.findUnsyncedJobSchedulers(10)).toMatchObject([{ scheduleId: id, clock: null }]);
      await store.markJobSchedulersSynced([]);
    });

    it('can be counted and paged through by id', async () => {
      const { store } = subject();
      const ids = [await subject().addSchedule(), await subject().addSchedule(), await subject().addSchedule()].sort();
      await subject().addSchedule({ enabled: false });
      expect(await store.countEnabled()).toBe(3);
      const first = await store.listEnabledJobSchedulers(null, 2);
      const rest = await store.listEnabledJobSchedulers(first.at(-1)?.scheduleId ?? null, 2);
      expect([...first, ...rest].map(({ scheduleId }) => scheduleId)).toEqual(ids);
      expect(rest).toHaveLength(1);
    });
  });
}

function describeSingleWriter(subject: () => FireStoreSubject): void {
  describe('a single writer', () => {
    it('is the only one of its name until its work is done, also when that fails', async () => {
      const { store } = subject();
      const inside: boolean[] = [];
      const isFirst = await store.withSingleWriter('a', async () => {
        inside.push(await store.withSingleWriter('a', () => Promise.resolve()));
        inside.push(await store.withSingleWriter('b', () => Promise.resolve()));
      });
      expect([isFirst, ...inside]).toEqual([true, false, true]);
      const fault = new Error('failed');
      await expect(store.withSingleWriter('a', () => Promise.reject(fault))).rejects.toBe(fault);
      expect(await store.withSingleWriter('a', () => Promise.resolve())).toBe(true);
    });
  });
}

function ago(subject: FireStoreSubject, ms: number): Date {
  return new Date(subject.now().getTime() - ms);
}

function ahead(subject: FireStoreSubject, ms: number): Date {
  return new Date(subject.now().getTime() + ms);
}
