import type { FirePlan, PlanFault } from '@crewtab/domain/ports/fire-store';
import type { FireStoreSubject } from './fire-store-subject';

const MINUTE = 60_000;
const FAULT: PlanFault = { fault: 'unknown time zone: Mars/Olympus', retryAfterMs: 3_600_000 };

/** Turns, backlogs, and schedules that cannot be evaluated. */
export function describeQuarantine(subject: () => FireStoreSubject): void {
  const instant = (minutes: number): Date => new Date(subject().now().getTime() + minutes * MINUTE);
  const plan = (special: Partial<FirePlan> = {}): FirePlan => ({
    rows: [],
    cancelActive: false,
    nextFireAt: instant(10),
    followingFireAt: instant(20),
    ...special,
  });

  describe('backlogs', () => {
    it('wait for what is due just now', async () => {
      const { store, addSchedule } = subject();
      const late = await addSchedule({ nextFireAt: instant(-60), overlap: 'skip' });
      const punctual = await addSchedule({ nextFireAt: instant(-0.5), overlap: 'skip' });
      expect((await store.fireOne(() => plan()))?.scheduleId).toBe(punctual);
      expect((await store.fireOne(() => plan()))?.scheduleId).toBe(late);
      expect(await store.fireOne(() => plan())).toBeNull();
    });

    it('come after the others where they are excepted', async () => {
      const { store, addSchedule } = subject();
      const first = await addSchedule({ nextFireAt: instant(-60) });
      const second = await addSchedule({ nextFireAt: instant(-50) });
      const more = { nextFireAt: instant(-40), followingFireAt: null };
      expect(await store.fireOne(() => plan(more))).toMatchObject({ scheduleId: first, hasMore: true });
      expect(await store.fireOne(() => plan(), { except: [first] })).toMatchObject({
        scheduleId: second,
        hasMore: false,
      });
      expect(await store.fireOne(() => plan(), { except: [first] })).toBeNull();
      expect((await store.fireOne(() => plan()))?.scheduleId).toBe(first);
    });

    it('of one schedule alone can be asked for', async () => {
      const { store, addSchedule } = subject();
      await addSchedule({ nextFireAt: instant(-60) });
      const wanted = await addSchedule({ nextFireAt: instant(-50) });
      expect((await store.fireOne(() => plan(), { only: wanted }))?.scheduleId).toBe(wanted);
      expect(await store.fireOne(() => plan(), { only: wanted })).toBeNull();
    });
  });

  describe('a schedule that cannot be evaluated', () => {
    it('is quarantined and keeps its instants, so that others fire on', async () => {
      const { store, addSchedule, instantsOf, runsOf } = subject();
      const faulty = await addSchedule({ nextFireAt: instant(-60) });
      const sound = await addSchedule({ nextFireAt: instant(-50) });
      const before = await instantsOf(faulty);
      expect(await store.fireOne(() => FAULT)).toEqual({
        scheduleId: faulty,
        queued: [],
        skipped: 0,
        missed: 0,
        hasMore: false,
        fault: FAULT.fault,
      });
      expect((await store.fireOne(() => plan()))?.scheduleId).toBe(sound);
      expect(await store.fireOne(() => plan())).toBeNull();
      expect(await store.msUntilNextDue()).toBeGreaterThan(0);
      expect(await instantsOf(faulty)).toEqual(before);
      expect(await runsOf(faulty)).toEqual([]);
    });

    it('is tried again after a while, and its fault goes with the first plan', async () => {
      const { store, addSchedule } = subject();
      const faulty = await addSchedule({ nextFireAt: instant(-60) });
      await store.fireOne(() => ({ ...FAULT, retryAfterMs: 0 }));
      expect(await store.countEnabled()).toBe(0);
      expect(await store.fireOne(() => plan())).toMatchObject({ scheduleId: faulty, fault: null });
      expect(await store.countEnabled()).toBe(1);
    });

    it('is tried again at once when it was edited, or is asked for by itself', async () => {
      const { store, addSchedule, editSchedule } = subject();
      const faulty = await addSchedule({ nextFireAt: instant(-60) });
      await store.fireOne(() => FAULT);
      expect(
        await store.fireOne(() => plan({ nextFireAt: null, followingFireAt: null }), { only: faulty }),
      ).toMatchObject({ scheduleId: faulty, hasMore: false });
      await store.quarantine([{ ...FAULT, scheduleId: faulty, specVersion: 1 }]);
      expect(await store.findUnplanned(10)).toEqual([]);
      await editSchedule(faulty, { enabled: true, nextFireAt: instant(-1), followingFireAt: null });
      expect((await store.findUnplanned(10)).map(({ scheduleId }) => scheduleId)).toEqual([faulty]);
      expect((await store.fireOne(() => plan()))?.scheduleId).toBe(faulty);
    });

    it('is quarantined while planning ahead too, unless it was edited meanwhile', async () => {
      const { store, addSchedule } = subject();
      const faulty = await addSchedule();
      await store.quarantine([{ ...FAULT, scheduleId: faulty, specVersion: 7 }]);
      const [found] = await store.findUnplanned(10);
      const specVersion = found?.specVersion ?? 0;
      await store.quarantine([{ ...FAULT, retryAfterMs: 0, scheduleId: faulty, specVersion }]);
      expect(await store.countEnabled()).toBe(0);
      await store.savePlanned([
        { scheduleId: faulty, specVersion, basedOn: null, nextFireAt: instant(1), followingFireAt: instant(2) },
      ]);
      expect(await store.countEnabled()).toBe(1);
      await store.quarantine([]);
    });

    it('has no job scheduler until it is repaired', async () => {
      const { store, addSchedule } = subject();
      const id = await addSchedule({ nextFireAt: instant(-60) });
      const syncAll = async (): Promise<void> =>
        store.markJobSchedulersSynced(await store.findUnsyncedJobSchedulers(10));
      await syncAll();
      await store.fireOne(() => ({ ...FAULT, retryAfterMs: 0 }));
      expect(await store.findUnsyncedJobSchedulers(10)).toMatchObject([{ scheduleId: id, clock: null }]);
      expect(await store.listEnabledJobSchedulers(null, 10)).toEqual([]);
      await syncAll();
      await store.fireOne(() => ({ ...FAULT, retryAfterMs: 0 }));
      expect(await store.findUnsyncedJobSchedulers(10)).toEqual([]);
      await store.fireOne(() => plan());
      expect(await store.findUnsyncedJobSchedulers(10)).toMatchObject([
        { scheduleId: id, clock: { cron: expect.any(String) as string } },
      ]);
    });
  });
}
