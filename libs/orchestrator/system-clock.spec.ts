import { SystemClock } from './system-clock';

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
