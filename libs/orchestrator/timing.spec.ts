import fc from 'fast-check';
import { AppError } from '@crewtab/domain/errors';
import { FakeClock, settle } from '@test/fakes/fake-clock';
import { RecordingLogger } from '@test/fakes/recording-logger';
import { StoreClock, SystemClock, isSettledWithin, Loop, WakeUp } from './timing';

const DAY_MS = 86_400_000;

describe('SystemClock', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it.each([1, 24, 25, 30, 100, 366])('calls back after %d days, once, and not before', (days) => {
    const callback = jest.fn();
    new SystemClock().after(days * DAY_MS, callback);
    jest.advanceTimersByTime(days * DAY_MS - 1);
    expect(callback).not.toHaveBeenCalled();
    jest.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledTimes(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('never asks Node for a timer that would fire at once', () => {
    const asked = jest.spyOn(globalThis, 'setTimeout');
    new SystemClock().after(100 * DAY_MS, () => undefined);
    jest.advanceTimersByTime(100 * DAY_MS);
    for (const [, ms] of asked.mock.calls) expect(ms).toBeLessThanOrEqual(2 ** 31 - 1);
    expect(asked.mock.calls.length).toBeGreaterThan(4);
  });

  it('can be cancelled, also after the first stretch of a long wait', () => {
    const callback = jest.fn();
    const cancel = new SystemClock().after(60 * DAY_MS, callback);
    jest.advanceTimersByTime(40 * DAY_MS);
    cancel();
    jest.advanceTimersByTime(60 * DAY_MS);
    expect(callback).not.toHaveBeenCalled();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('does not care for the wall clock of its machine', () => {
    const callback = jest.fn();
    new SystemClock().after(60_000, callback);
    jest.setSystemTime(Date.now() + 2 * 3_600_000);
    jest.advanceTimersByTime(59_999);
    expect(callback).not.toHaveBeenCalled();
    jest.setSystemTime(Date.now() - 4 * 3_600_000);
    jest.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledTimes(1);
  });
});

const HOUR_MS = 3_600_000;

/** A machine and a database whose clocks run alike, but show different times; answers take `delayMs`, half each way. */
function makeWorld(machineIsAheadMs = 0) {
  const machine = new FakeClock();
  const database = { aheadMs: -machineIsAheadMs, delayMs: 0, isAway: false };
  const started = machine.now().getTime();
  const truth = (): number => started + machine.monotonicMs() + database.aheadMs;
  const pause = (ms: number): Promise<void> => new Promise((resolve) => void machine.after(ms, resolve));
  const source = {
    async now(): Promise<Date> {
      if (database.isAway) throw new AppError('store_unreachable', 'no answer', { retryable: true });
      if (database.delayMs > 0) await pause(database.delayMs / 2);
      const answer = new Date(truth());
      if (database.delayMs > 0) await pause(database.delayMs / 2);
      return answer;
    },
  };
  const logger = new RecordingLogger();
  const clock = new StoreClock(source, machine, logger, 5_000);
  return { machine, database, truth, clock, logger, errorMs: () => clock.now().getTime() - truth() };
}

describe('StoreClock', () => {
  it.each([HOUR_MS, -HOUR_MS, 0])('tells the database’s time on a machine that is %d ms ahead', async (aheadMs) => {
    const { clock, truth, machine } = makeWorld(aheadMs);
    await clock.start();
    expect(clock.now().getTime()).toBe(truth());
    await machine.advance(HOUR_MS);
    expect(clock.now().getTime()).toBe(truth());
    await clock.stop();
    expect(machine.pendingTimers).toBe(0);
  });

  it('does not notice that the wall clock of its machine is set', async () => {
    const { clock, truth, machine, logger } = makeWorld();
    await clock.start();
    machine.setWallClock(new Date(machine.now().getTime() + HOUR_MS));
    expect(clock.now().getTime()).toBe(truth());
    machine.setWallClock(new Date(machine.now().getTime() - 2 * HOUR_MS));
    await machine.advance(60_000);
    expect(clock.now().getTime()).toBe(truth());
    expect(logger.messages('warn')).toEqual([]);
    await clock.stop();
  });

  it('follows a database whose clock is set, with its next answer, and says so', async () => {
    const { clock, truth, machine, database, logger } = makeWorld();
    await clock.start();
    database.aheadMs += HOUR_MS;
    await machine.advance(5_000);
    expect(clock.now().getTime()).toBe(truth());
    database.aheadMs -= 2 * HOUR_MS;
    await machine.advance(5_000);
    expect(clock.now().getTime()).toBe(truth());
    expect(logger.messages('warn')).toHaveLength(2);
    await clock.stop();
  });

  it('keeps the last offset while the database does not answer, and says so once', async () => {
    const { clock, machine, database, errorMs, logger } = makeWorld(HOUR_MS);
    await clock.start();
    database.isAway = true;
    await machine.advance(60_000);
    expect(errorMs()).toBe(0);
    expect(logger.messages('warn')).toHaveLength(1);
    database.isAway = false;
    await machine.advance(5_000);
    expect(errorMs()).toBe(0);
    await clock.stop();
  });

  it('is never ahead of the database, and behind by no more than its fastest answer took', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 8_000 }), { minLength: 1, maxLength: 12 }),
        async (delays) => {
          const { clock, machine, database, errorMs } = makeWorld(HOUR_MS);
          for (const delayMs of delays) {
            database.delayMs = delayMs;
            const asked = clock.synchronize();
            await machine.advance(delayMs);
            await asked;
            expect(errorMs()).toBeLessThanOrEqual(0);
          }
          expect(-errorMs()).toBeLessThanOrEqual(Math.min(...delays));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('does not start without an answer', async () => {
    const { clock, database } = makeWorld();
    database.isAway = true;
    await expect(clock.start()).rejects.toMatchObject({ code: 'store_unreachable' });
  });
});

describe('work in a loop', () => {
  const clock = new FakeClock();
  let begun = 0;
  let hanging: (() => void)[] = [];
  let overdue: number[] = [];
  let doesHang = false;
  const loopOf = (): Loop => {
    begun = 0;
    hanging = [];
    overdue = [];
    doesHang = false;
    return new Loop({
      clock,
      everyMs: 1_000,
      limitMs: 5_000,
      work: async () => {
        begun += 1;
        if (doesHang) await new Promise<void>((resolve) => hanging.push(resolve));
      },
      onOverdue: (afterMs) => overdue.push(afterMs),
    });
  };

  it('begins at once, and again after each iteration', async () => {
    const each = loopOf();
    each.start();
    await settle();
    expect(begun).toBe(1);
    await clock.advance(1_000);
    await clock.advance(1_000);
    expect(begun).toBe(3);
    await each.stop();
    await clock.advance(10_000);
    expect(begun).toBe(3);
    expect(overdue).toEqual([]);
  });

  it('begins after its first interval when it is started later', async () => {
    const each = loopOf();
    each.startLater();
    await clock.advance(999);
    expect(begun).toBe(0);
    await clock.advance(1);
    expect(begun).toBe(1);
    await each.stop();
  });

  it('abandons an iteration that does not come back, says so, and goes on', async () => {
    const each = loopOf();
    doesHang = true;
    each.start();
    await clock.advance(4_999);
    expect({ begun, overdue }).toEqual({ begun: 1, overdue: [] });
    doesHang = false;
    await clock.advance(1);
    await clock.advance(1_000);
    expect({ begun, overdue }).toEqual({ begun: 2, overdue: [5_000] });
    hanging.forEach((goOn) => goOn());
    await clock.advance(1_000);
    expect(begun).toBe(3);
    await each.stop();
  });

  it('ends when the iteration under way has', async () => {
    const each = loopOf();
    doesHang = true;
    each.start();
    let isStopped = false;
    const stopped = each.stop().then(() => (isStopped = true));
    await settle();
    expect(isStopped).toBe(false);
    hanging.forEach((goOn) => goOn());
    await stopped;
    await clock.advance(10_000);
    expect(begun).toBe(1);
  });
});

describe('isSettledWithin', () => {
  const clock = new FakeClock();

  it('says whether something was over in time, however it ended', async () => {
    await expect(isSettledWithin(clock, 10, Promise.resolve())).resolves.toBe(true);
    await expect(isSettledWithin(clock, 10, Promise.reject(new Error('x')))).resolves.toBe(true);
    const late = isSettledWithin(clock, 10, new Promise(() => undefined));
    await clock.advance(10);
    await expect(late).resolves.toBe(false);
  });
});

/** Whether it has resolved. */
function watch(waiting: Promise<void>): { isOver: boolean } {
  const seen = { isOver: false };
  void waiting.then(() => (seen.isOver = true));
  return seen;
}

describe('WakeUp', () => {
  it('waits for an instant a day away, and not a moment less', async () => {
    const clock = new FakeClock();
    const seen = watch(new WakeUp(clock).wait(new Date(clock.now().getTime() + DAY_MS)));
    await clock.advance(DAY_MS - 1);
    expect(seen.isOver).toBe(false);
    await clock.advance(1);
    expect(seen.isOver).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  }, 60_000);

  it('notices within seconds that the clock was set past the instant', async () => {
    const clock = new FakeClock();
    const until = new Date(clock.now().getTime() + DAY_MS);
    const seen = watch(new WakeUp(clock).wait(until));
    await clock.advance(1_000);
    clock.setWallClock(until);
    await clock.advance(5_000);
    expect(seen.isOver).toBe(true);
  });

  it('goes on waiting when the clock was set back', async () => {
    const clock = new FakeClock();
    const until = new Date(clock.now().getTime() + 60_000);
    const seen = watch(new WakeUp(clock).wait(until));
    clock.setWallClock(new Date(clock.now().getTime() - 60_000));
    await clock.advance(119_999);
    expect(seen.isOver).toBe(false);
    await clock.advance(1);
    expect(seen.isOver).toBe(true);
  });

  it('returns at a wake, also one that came before, and leaves no timer', async () => {
    const clock = new FakeClock();
    const wakeUp = new WakeUp(clock);
    wakeUp.wake();
    await wakeUp.wait(new Date(clock.now().getTime() + DAY_MS));
    const seen = watch(wakeUp.wait(null));
    await clock.advance(DAY_MS);
    expect(seen.isOver).toBe(false);
    const waiting = wakeUp.wait(new Date(clock.now().getTime() + DAY_MS));
    wakeUp.wake();
    await waiting;
    expect(clock.pendingTimers).toBe(0);
  });
});
