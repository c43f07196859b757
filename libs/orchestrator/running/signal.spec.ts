import { FakeClock } from '@test/fakes/fake-clock';
import { WakeUp } from './signal';

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
