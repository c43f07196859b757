import { FakeClock } from '@test/fakes/fake-clock';
import { RecordingLogger } from '@test/fakes/recording-logger';
import { InMemoryFireStore } from '@test/fakes/stores/in-memory-fire-store';
import { InMemoryRunStore } from '@test/fakes/stores/in-memory-run-store';
import { RecordingQueue } from '../running/spec-support';
import { fireBeforeEdit, fireDueSchedules, type FiringDeps } from './fire-due-schedules';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

function makeWorld() {
  const clock = new FakeClock(new Date('2026-01-05T09:00:30.000Z'));
  const runs = new InMemoryRunStore(clock);
  const fires = new InMemoryFireStore(clock, runs);
  const queue = new RecordingQueue();
  const logger = new RecordingLogger();
  const jobSchedulers: FiringDeps['jobSchedulers'] = {
    set: () => Promise.resolve(),
    remove: () => Promise.resolve(),
    count: () => Promise.resolve(0),
    list: () => Promise.resolve([]),
  };
  const deps: FiringDeps = { fires, runs, queue, jobSchedulers, clock, logger };
  return { clock, fires, queue, logger, deps, statuses: (id: string) => fires.runsOf(id).map(({ status }) => status) };
}

describe('a schedule that cannot be evaluated any more', () => {
  it.each([
    ['cron', { cron: 'every full moon' }],
    ['zone', { timezone: 'Mars/Olympus_Mons' }],
  ])('because of its %s holds up no other, says so, and loses nothing once it is repaired', async (_what, broken) => {
    const { clock, fires, deps, logger, statuses } = makeWorld();
    const sound = fires.addSchedule({ overlap: 'skip' });
    const faulty = fires.addSchedule({ cron: '*/10 * * * *', catchUp: 'all' });
    await fireDueSchedules(deps);
    await clock.advance(10 * MINUTE_MS);
    fires.corrupt(faulty.id, broken);
    await clock.advance(10 * MINUTE_MS);
    await fireDueSchedules(deps);
    expect(statuses(sound.id)).toHaveLength(20);
    expect(statuses(faulty.id)).toEqual([]);
    expect(fires.read(faulty.id).fault).toEqual(expect.any(String));
    expect(logger.messages('error')[0]).toContain('edit its cron or time zone');

    // Another Node.js, or a repaired row: the schedule reads as it once did.
    fires.corrupt(faulty.id, { cron: faulty.cron, timezone: faulty.timezone });
    await clock.advance(MINUTE_MS);
    await fireDueSchedules(deps);
    expect(fires.read(faulty.id).fault).toBeNull();
    expect(statuses(faulty.id)).toEqual(['queued', 'queued']);
  });

  it('does not keep others from being planned ahead', async () => {
    const { fires, deps } = makeWorld();
    const faulty = fires.addSchedule({ cron: 'x' });
    const sound = fires.addSchedule();
    await fireDueSchedules(deps);
    expect(fires.read(sound.id).nextFireAt).not.toBeNull();
    expect(fires.read(faulty.id)).toMatchObject({ nextFireAt: null, fault: expect.stringContaining('cron') as string });
  });

  it('keeps the one instant that is known when an edit repairs it', async () => {
    const { clock, fires, deps } = makeWorld();
    const { id } = fires.addSchedule({ cron: '*/10 * * * *' });
    await fireDueSchedules(deps);
    fires.corrupt(id, { cron: 'x', followingFireAt: null });
    await clock.advance(30 * MINUTE_MS);
    await fireDueSchedules(deps);
    expect(await fireBeforeEdit(deps, id, false)).toBe(true);
    const [missed, ...others] = fires.runsOf(id);
    expect(missed).toMatchObject({ status: 'missed', scheduledFor: new Date('2026-01-05T09:10:00.000Z') });
    expect(missed?.notRunReason?.message).toContain('could not be evaluated');
    expect(others).toEqual([]);
  });
});

describe('a backlog', () => {
  it('of every minute of two days is recorded whole, in bounded pieces', async () => {
    const { clock, fires, deps, statuses } = makeWorld();
    const { id } = fires.addSchedule();
    await fireDueSchedules(deps);
    const pieces: number[] = [];
    const fireOne = fires.fireOne.bind(fires);
    fires.fireOne = async (plan, options) => {
      const one = await fireOne(plan, options);
      if (one) pieces.push(one.queued.length + one.missed + one.skipped);
      return one;
    };
    clock.advanceSync(2 * DAY_MS);
    const report = await fireDueSchedules(deps);
    expect(report).toEqual({ fired: 1, skipped: 0, missed: 2 * 1_440 - 1 });
    expect(statuses(id).at(-1)).toBe('queued');
    expect(Math.max(...pieces)).toBe(500);
    // One gap, whichever piece an instant came with.
    const missed = fires.runsOf(id).filter(({ status }) => status === 'missed');
    const froms = new Set(missed.map(({ notRunReason }) => notRunReason?.from?.toISOString()));
    expect([...froms]).toEqual([missed[0]?.scheduledFor.toISOString()]);
  });

  it('names the run that an instant was skipped for, also where both are planned at once', async () => {
    const { clock, fires, deps } = makeWorld();
    const { id } = fires.addSchedule({ overlap: 'skip', catchUp: 'all' });
    await fireDueSchedules(deps);
    clock.advanceSync(3 * MINUTE_MS);
    await fireDueSchedules(deps);
    clock.advanceSync(MINUTE_MS);
    await fireDueSchedules(deps);
    const [first, ...others] = fires.runsOf(id);
    expect(others.map(({ status, notRunReason }) => [status, notRunReason?.runId])).toEqual(
      others.map(() => ['skipped', first?.id]),
    );
    expect(others).toHaveLength(3);
  });

  it('delays no other: they fire between its pieces', async () => {
    const { clock, fires, deps, queue } = makeWorld();
    const down = fires.addSchedule();
    await fireDueSchedules(deps);
    clock.advanceSync(2 * DAY_MS);
    const fireOne = fires.fireOne.bind(fires);
    let pieces = 0;
    let offeredAfter = -1;
    const punctual = fires.addSchedule({
      nextFireAt: new Date(clock.now().getTime() + 2_000),
      followingFireAt: new Date(clock.now().getTime() + DAY_MS),
    });
    fires.fireOne = async (plan, options) => {
      const one = await fireOne(plan, options);
      // Each piece takes a second.
      clock.advanceSync(1_000);
      if (one?.scheduleId === down.id) pieces++;
      if (offeredAfter < 0 && fires.runsOf(punctual.id).length > 0) offeredAfter = pieces;
      return one;
    };
    await fireDueSchedules(deps);
    expect(pieces).toBeGreaterThan(5);
    expect(offeredAfter).toBeLessThanOrEqual(4);
    expect(queue.offered).toContain(fires.runsOf(punctual.id)[0]?.id);
  });

  it('of two schedules goes in turns', async () => {
    const { clock, fires, deps } = makeWorld();
    const ids = [fires.addSchedule().id, fires.addSchedule().id];
    await fireDueSchedules(deps);
    clock.advanceSync(DAY_MS);
    const turns: string[] = [];
    const fireOne = fires.fireOne.bind(fires);
    fires.fireOne = async (plan, options) => {
      const one = await fireOne(plan, options);
      if (one) turns.push(one.scheduleId);
      return one;
    };
    await fireDueSchedules(deps);
    expect(turns.slice(0, 2).sort()).toEqual(ids.sort());
    expect(turns.slice(2, 4).sort()).toEqual(ids.sort());
  });

  it('is left where it is when the process is told to stop', async () => {
    const { clock, fires, deps, statuses } = makeWorld();
    const { id } = fires.addSchedule();
    await fireDueSchedules(deps);
    clock.advanceSync(2 * DAY_MS);
    let asked = 0;
    await fireDueSchedules(deps, () => ++asked > 3);
    expect(statuses(id)).toHaveLength(1_000);
    await fireDueSchedules(deps);
    expect(statuses(id)).toHaveLength(2 * 1_440);
  });

  it('is not caught up with when the schedule is about to be paused', async () => {
    const { clock, fires, deps, statuses } = makeWorld();
    const { id } = fires.addSchedule({ cron: '*/10 * * * *', catchUp: 'all' });
    await fireDueSchedules(deps);
    await clock.advance(45 * MINUTE_MS);
    expect(await fireBeforeEdit(deps, id, true)).toBe(true);
    expect(statuses(id)).toEqual(['missed', 'missed', 'missed', 'missed']);
  });
});
