import fc from 'fast-check';
import { formatDuration, MAX_DURATION_MS, parseDuration } from './durations';

const HOUR_MS = 3_600_000;

describe('parseDuration', () => {
  it.each([
    ['0', 0],
    ['0s', 0],
    ['500ms', 500],
    ['45s', 45_000],
    ['30m', 1_800_000],
    ['1h30m', 5_400_000],
    ['1h30m0s', 5_400_000],
    ['1.5h', 5_400_000],
    ['.5h', 1_800_000],
    ['1.h', HOUR_MS],
    ['1.5s', 1_500],
    ['1.001s', 1_001],
    ['0.1m', 6_000],
    ['24h', 24 * HOUR_MS],
    ['90m', 5_400_000],
    ['30m1h', 5_400_000],
    ['1h1h', 2 * HOUR_MS],
    ['1m500ms', 60_500],
    ['2562047h47m16.854s', MAX_DURATION_MS],
  ])('reads %s as %d ms', (text, ms) => {
    expect(parseDuration(text)).toEqual({ ok: true, ms });
  });

  it.each([
    ['', 'is empty'],
    ['30', 'lacks a unit after 30'],
    ['1h30', 'lacks a unit after 30'],
    ['h', 'is not a duration'],
    ['one hour', 'is not a duration'],
    ['1 h', 'lacks a unit'],
    [' 1h', 'is not a duration'],
    ['1h ', 'is not a duration'],
    ['-1h', 'has a sign'],
    ['+1h', 'has a sign'],
    ['1d', 'unknown unit "d"'],
    ['1H', 'lacks a unit'],
    ['1µs', 'unknown unit "µs"'],
    ['10us', 'unknown unit "us"'],
    ['1ns', 'unknown unit "ns"'],
    ['1.5ms', 'finer than a millisecond'],
    ['0.0001s', 'finer than a millisecond'],
    ['0.33333333333h', 'finer than a millisecond'],
    ['.h', 'is not a duration'],
    ['1..5h', 'lacks a unit'],
    ['2562048h', 'longer than a duration can be'],
    ['9'.repeat(60) + 'h', 'longer than a duration can be'],
    ['9'.repeat(100) + 'h', 'is too long'],
  ])('refuses %j: %s', (text, reason) => {
    const parsed = parseDuration(text);
    expect(parsed).toEqual({ ok: false, message: expect.stringContaining(reason) });
    expect(parsed).toEqual({ ok: false, message: expect.stringContaining('write it like 45s, 30m, 1h30m') });
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0s'],
    [1, '1ms'],
    [500, '500ms'],
    [1_500, '1.5s'],
    [45_000, '45s'],
    [1_800_000, '30m'],
    [HOUR_MS, '1h'],
    [5_400_000, '1h30m'],
    [HOUR_MS + 45_000, '1h45s'],
    [HOUR_MS + 61_001, '1h1m1.001s'],
    [24 * HOUR_MS, '24h'],
  ])('writes %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, MAX_DURATION_MS + 1])('throws for %d', (ms) => {
    expect(() => formatDuration(ms)).toThrow(RangeError);
  });

  it('writes what parseDuration reads back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_DURATION_MS }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toEqual({ ok: true, ms });
      }),
    );
  });
});
