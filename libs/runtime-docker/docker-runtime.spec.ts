import { allOrAbort } from './docker-runtime';

describe('allOrAbort', () => {
  it('throws the first failure once the others have ended, having told them to', async () => {
    const ended: string[] = [];
    const slow = (signal: AbortSignal): Promise<void> =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () =>
          setImmediate(() => {
            ended.push('slow');
            reject(new Error('aborted'));
          }),
        );
      });
    const failing = (): Promise<void> => Promise.reject(new Error('first'));
    await expect(allOrAbort(new AbortController().signal, [slow, failing])).rejects.toThrow('first');
    expect(ended).toEqual(['slow']);
  });

  it('hands the abort of the caller on', async () => {
    const abort = new AbortController();
    const waiting = (signal: AbortSignal): Promise<void> =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('given up'))));
    const all = allOrAbort(abort.signal, [waiting]);
    abort.abort();
    await expect(all).rejects.toThrow('given up');
  });

  it('resolves when all parts have resolved', async () => {
    const parts = [() => Promise.resolve(1), () => Promise.resolve(2)];
    await expect(allOrAbort(new AbortController().signal, parts)).resolves.toBeUndefined();
  });
});
