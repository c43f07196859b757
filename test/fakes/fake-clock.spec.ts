import { FakeClock } from './fake-clock';

describe('FakeClock', () => {
  it('runs due timers in order of their instants, those made on the way included', async () => {
    const clock = new FakeClock(new Date('2026-01-01T00:00:00Z'));
    const ran: string[] = [];
    const note = (name: string) => (): void => void ran.push(`${name}@${clock.monotonicMs()}`);
    clock.after(20, note('b'));
    clock.after(10, () => {
      note('a')();
      clock.after(5, note('a2'));
    });
    const cancel = clock.after(15, note('never'));
    clock.after(31, note('later'));
    cancel();
    await clock.advance(30);
    expect(ran).toEqual(['a@10', 'a2@15', 'b@20']);
    expect(clock.now()).toEqual(new Date('2026-01-01T00:00:00.030Z'));
    expect(clock.pendingTimers).toBe(1);
    expect(clock.nextDueAt).toEqual(new Date('2026-01-01T00:00:00.031Z'));
  });

  it('lets promises continue between timers', async () => {
    const clock = new FakeClock();
    const ran: number[] = [];
    const loop = async (): Promise<void> => {
      for (let iteration = 1; iteration <= 3; iteration++) {
        await new Promise<void>((resolve) => clock.after(10, resolve));
        ran.push(iteration);
      }
    };
    const looping = loop();
    await clock.advance(30);
    expect(ran).toEqual([1, 2, 3]);
    await looping;
  });

  it('sets the wall clock without moving time', () => {
    const clock = new FakeClock();
    clock.setWallClock(new Date('2030-06-01T00:00:00Z'));
    expect(clock.now()).toEqual(new Date('2030-06-01T00:00:00Z'));
    expect(clock.monotonicMs()).toBe(0);
  });
});
