import { FaultLocks } from './fault-locks';

describe('a target that a fault holds', () => {
  it('is skipped, or waits its turn', async () => {
    const locks = new FaultLocks();
    const injected: string[] = [];
    let release = (): void => undefined;
    const first = locks.hold('redis', async () => {
      injected.push('first');
      await new Promise<void>((resolve) => (release = resolve));
    });
    const inTurn = ['second', 'third'].map((name) =>
      locks.holdInTurn('redis', () => Promise.resolve(void injected.push(name))),
    );
    await locks.hold('redis', () => Promise.resolve(void injected.push('skipped')));
    await locks.hold('postgres', () => Promise.resolve(void injected.push('another')));
    expect(injected).toEqual(['first', 'another']);
    release();
    await Promise.all([first, ...inTurn]);
    expect(injected).toEqual(['first', 'another', 'second', 'third']);
  });

  it('is free after a fault that failed, and says so to its own caller only', async () => {
    const locks = new FaultLocks();
    const failing = locks.hold('redis', () => Promise.reject(new Error('no')));
    const next = locks.holdInTurn('redis', () => Promise.resolve());
    await expect(failing).rejects.toThrow('no');
    await expect(next).resolves.toBeNull();
  });

  it('is left alone by those who wait for it when all is over', async () => {
    const locks = new FaultLocks();
    let release = (): void => undefined;
    const first = locks.hold('redis', () => new Promise<void>((resolve) => (release = resolve)));
    const inject = jest.fn(() => Promise.resolve());
    const waiting = locks.holdInTurn('redis', inject);
    locks.close();
    release();
    await Promise.all([first, waiting]);
    expect(inject).not.toHaveBeenCalled();
  });
});
