import { FakeClock, settle } from '@test/fakes/fake-clock';
import { isSettledWithin, Loop, WakeUp } from './waiting';

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

  it('may begin later', async () => {
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

const DAY_MS = 86_400_000;

/** Whether it has resolved. */
function watch(waiting: Promise<void>): { isOver: boolean } {
  const seen = { isOver: false };
  void waiting.then(() => (seen.isOver = true));
  return seen;
}

describe('WakeUp', () => {
  it('waits for an instant 30 days away, and not a moment less', async () => {
    const clock = new FakeClock();
    const seen = watch(new WakeUp(clock).wait(new Date(clock.now().getTime() + 30 * DAY_MS)));
    await clock.advance(30 * DAY_MS - 1);
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
