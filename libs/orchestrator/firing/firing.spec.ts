import type { JobScheduler, JobSchedulers } from '@crewtab/domain/ports/run-queue';
import { FakeClock } from '@test/fakes/fake-clock';
import { RecordingLogger } from '@test/fakes/recording-logger';
import { InMemoryFireStore } from '@test/fakes/stores/in-memory-fire-store';
import { InMemoryRunStore } from '@test/fakes/stores/in-memory-run-store';
import { RecordingQueue } from '../running/spec-support';
import { JobSchedulerReconciler } from './job-scheduler-reconciler';
import { fireDueSchedules, type FiringDeps, FiringTimer } from './fire-due-schedules';
import { ScheduleSweeper } from './schedule-sweeper';

const MINUTE_MS = 60_000;

class FakeJobSchedulers implements JobSchedulers {
  readonly held = new Map<string, JobScheduler>();
  writes = 0;

  set(jobSchedulers: readonly JobScheduler[]): Promise<void> {
    for (const clock of jobSchedulers) this.held.set(clock.scheduleId, clock);
    this.writes += jobSchedulers.length;
    return Promise.resolve();
  }

  remove(scheduleIds: readonly string[]): Promise<void> {
    for (const id of scheduleIds) this.held.delete(id);
    return Promise.resolve();
  }

  count(): Promise<number> {
    return Promise.resolve(this.held.size);
  }

  list(): Promise<string[]> {
    return Promise.resolve([...this.held.keys()]);
  }
}

/** One scheduler app's firing half on fakes; nine o'clock, and a schedule that is due every minute. */
function makeWorld(): {
  clock: FakeClock;
  fires: InMemoryFireStore;
  queue: RecordingQueue;
  jobSchedulers: FakeJobSchedulers;
  deps: FiringDeps;
} {
  const clock = new FakeClock(new Date('2026-01-05T09:00:30.000Z'));
  const runs = new InMemoryRunStore(clock);
  const fires = new InMemoryFireStore(clock, runs);
  const queue = new RecordingQueue();
  const jobSchedulers = new FakeJobSchedulers();
  return {
    clock,
    fires,
    queue,
    jobSchedulers,
    deps: { fires, runs, queue, jobSchedulers, clock, logger: new RecordingLogger() },
  };
}

describe('fireDueSchedules', () => {
  it('fires each due instant once, however often and by whomever it is called', async () => {
    const { clock, fires, queue, deps } = makeWorld();
    fires.addSchedule();
    await fireDueSchedules(deps);
    expect(queue.offered).toHaveLength(0);
    await clock.advance(MINUTE_MS);
    await Promise.all([fireDueSchedules(deps), fireDueSchedules(deps), fireDueSchedules(deps)]);
    expect(queue.offered).toHaveLength(1);
    await clock.advance(MINUTE_MS);
    await fireDueSchedules(deps);
    expect(new Set(queue.offered).size).toBe(2);
  });

  it('records what was not fired in time: the latest as a catch-up, the others as missed', async () => {
    const { clock, fires, queue, deps } = makeWorld();
    fires.addSchedule({ cron: '*/10 * * * *' });
    await fireDueSchedules(deps);
    await clock.advance(45 * MINUTE_MS);
    expect(await fireDueSchedules(deps)).toEqual({ fired: 1, skipped: 0, missed: 3 });
    expect(queue.offered).toHaveLength(1);
  });

  it('keeps the row when Redis does not take the wake-up', async () => {
    const { clock, fires, queue, deps } = makeWorld();
    fires.addSchedule();
    await fireDueSchedules(deps);
    await clock.advance(MINUTE_MS);
    queue.offerRuns = () => Promise.reject(new Error('no Redis'));
    expect(await fireDueSchedules(deps)).toMatchObject({ fired: 1 });
    expect(await deps.runs.findOfferable(0, 10)).toHaveLength(1);
  });

  it('skips by policy while an earlier run is active', async () => {
    const { clock, fires, deps } = makeWorld();
    fires.addSchedule({ overlap: 'skip' });
    await fireDueSchedules(deps);
    await clock.advance(MINUTE_MS);
    expect(await fireDueSchedules(deps)).toEqual({ fired: 1, skipped: 0, missed: 0 });
    await clock.advance(MINUTE_MS);
    expect(await fireDueSchedules(deps)).toEqual({ fired: 0, skipped: 1, missed: 0 });
  });
});

describe('FiringTimer', () => {
  it('fires when something is due, and is re-armed by an edit', async () => {
    const { clock, fires, queue, deps } = makeWorld();
    const timer = new FiringTimer(deps);
    await timer.start();
    await clock.advance(10 * MINUTE_MS);
    expect(queue.offered).toHaveLength(0);
    fires.addSchedule({
      nextFireAt: new Date('2026-01-05T09:11:00.000Z'),
      followingFireAt: new Date('2026-01-05T09:12:00.000Z'),
    });
    await clock.advance(29_999);
    expect(queue.offered).toHaveLength(0);
    await clock.advance(1);
    expect(queue.offered).toHaveLength(1);
    await timer.stop();
    expect(clock.pendingTimers).toBe(0);
  });

  it('fires at the awaited instant without asking what is due first, and asks again when that was too early', async () => {
    const { clock, fires, queue, deps } = makeWorld();
    fires.addSchedule({
      nextFireAt: new Date('2026-01-05T09:00:50.000Z'),
      followingFireAt: new Date('2026-01-05T09:10:00.000Z'),
    });
    const asked: number[] = [];
    const msUntilNextDue = fires.msUntilNextDue.bind(fires);
    // The database's clock is 2 ms behind what it answers at first.
    fires.msUntilNextDue = async () => {
      const ms = await msUntilNextDue();
      asked.push(queue.offered.length);
      return ms === null || asked.length > 1 ? ms : ms - 2;
    };
    const timer = new FiringTimer(deps);
    await timer.start();
    await clock.advance(19_998);
    expect(queue.offered).toHaveLength(0);
    expect(asked).toEqual([0, 0]);
    await clock.advance(2);
    expect(queue.offered).toHaveLength(1);
    // The question after the fire is the next one.
    expect(asked).toEqual([0, 0, 1]);
    await timer.stop();
  });

  it('goes on after a failure', async () => {
    const { clock, fires, queue, deps } = makeWorld();
    fires.addSchedule();
    await fireDueSchedules(deps);
    const { msUntilNextDue } = fires;
    fires.msUntilNextDue = () => Promise.reject(new Error('no database'));
    const timer = new FiringTimer(deps);
    await timer.start();
    await clock.advance(MINUTE_MS);
    fires.msUntilNextDue = msUntilNextDue;
    await clock.advance(MINUTE_MS);
    expect(queue.offered.length).toBeGreaterThan(0);
    await timer.stop();
  });
});

describe('JobSchedulerReconciler', () => {
  it('keeps one job scheduler per enabled schedule, and writes only where something changed', async () => {
    const { fires, jobSchedulers, deps } = makeWorld();
    const reconciler = new JobSchedulerReconciler(deps);
    const { id } = fires.addSchedule();
    fires.addSchedule({ enabled: false });
    expect(await reconciler.isInStep()).toBe(false);
    await reconciler.reconcile();
    await reconciler.reconcile();
    expect([...jobSchedulers.held.keys()]).toEqual([id]);
    expect(jobSchedulers.writes).toBe(1);
    expect(await reconciler.isInStep()).toBe(true);
  });

  it('puts back what Redis lost, and removes what belongs to no schedule', async () => {
    const { fires, jobSchedulers, deps } = makeWorld();
    const reconciler = new JobSchedulerReconciler(deps);
    const { id } = fires.addSchedule();
    await reconciler.reconcile();
    jobSchedulers.held.clear();
    await reconciler.reconcile();
    jobSchedulers.held.set('stranger', { scheduleId: 'stranger', cron: '* * * * *', timezone: 'UTC' });
    await reconciler.reconcile();
    expect([...jobSchedulers.held.keys()]).toEqual([id]);
  });
});

describe('ScheduleSweeper', () => {
  it('fires, offers again and puts jobSchedulers back, each although another part fails', async () => {
    const { clock, fires, queue, jobSchedulers, deps } = makeWorld();
    fires.addSchedule();
    await fireDueSchedules(deps);
    await clock.advance(MINUTE_MS);
    await fireDueSchedules(deps);
    await clock.advance(10_000);
    fires.firePunctual = () => Promise.reject(new Error('cannot be planned'));
    const sweeper = new ScheduleSweeper(deps, new JobSchedulerReconciler(deps));
    await expect(sweeper.sweep()).rejects.toThrow('cannot be planned');
    expect(queue.offered).toHaveLength(2);
    expect(jobSchedulers.held.size).toBe(1);
  });
});
