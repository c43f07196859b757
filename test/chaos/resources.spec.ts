import { Resources } from './resources';

describe('a resource that is held', () => {
  it('is passed over, or harmed in turn', async () => {
    const resources = new Resources();
    const harmed: string[] = [];
    let release = (): void => undefined;
    const first = resources.hold('redis', async () => {
      harmed.push('first');
      await new Promise<void>((resolve) => (release = resolve));
    });
    const inTurn = ['second', 'third'].map((name) =>
      resources.holdInTurn('redis', () => Promise.resolve(void harmed.push(name))),
    );
    await resources.hold('redis', () => Promise.resolve(void harmed.push('passed over')));
    await resources.hold('postgres', () => Promise.resolve(void harmed.push('another')));
    expect(harmed).toEqual(['first', 'another']);
    release();
    await Promise.all([first, ...inTurn]);
    expect(harmed).toEqual(['first', 'another', 'second', 'third']);
  });

  it('is free after a harm that failed, and says so to its own caller only', async () => {
    const resources = new Resources();
    const failing = resources.hold('redis', () => Promise.reject(new Error('no')));
    const next = resources.holdInTurn('redis', () => Promise.resolve());
    await expect(failing).rejects.toThrow('no');
    await expect(next).resolves.toBeNull();
  });

  it('is left alone by those who wait for it when all is over', async () => {
    const resources = new Resources();
    let release = (): void => undefined;
    const first = resources.hold('redis', () => new Promise<void>((resolve) => (release = resolve)));
    const harm = jest.fn(() => Promise.resolve());
    const waiting = resources.holdInTurn('redis', harm);
    resources.close();
    release();
    await Promise.all([first, waiting]);
    expect(harm).not.toHaveBeenCalled();
  });
});
