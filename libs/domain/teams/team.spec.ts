import { formatMemorySize, parseMemorySize } from './team';

describe('parseMemorySize', () => {
  it.each([
    ['512m', 536_870_912],
    ['2g', 2_147_483_648],
    ['1.5G', 1_610_612_736],
    ['100MB', 104_857_600],
    ['64MiB', 67_108_864],
    ['1k', 1_024],
    ['7b', 7],
    ['1000', 1_000],
    ['1t', 1_099_511_627_776],
    ['0', 0],
  ])('reads %s', (text, bytes) => {
    expect(parseMemorySize(text)).toEqual({ ok: true, bytes });
  });

  it.each(['', 'm', '512 parsecs', '-1m', '1e9', '512mm', '1.5.5g', '٣m', '512m ', '9999999999t'])(
    'refuses %p',
    (text) => {
      expect(parseMemorySize(text)).toEqual({
        ok: false,
        message: expect.stringContaining('write it like 512m') as string,
      });
    },
  );
});

describe('formatMemorySize', () => {
  it.each([
    [536_870_912, '512m'],
    [2_147_483_648, '2g'],
    [1_610_612_736, '1536m'],
    [1_000, '1000b'],
    [0, '0b'],
  ])('writes %d', (bytes, text) => {
    expect(formatMemorySize(bytes)).toBe(text);
    expect(parseMemorySize(text)).toEqual({ ok: true, bytes });
  });

  it.each([-1, 0.5, Number.NaN, Infinity])('throws for %d', (bytes) => {
    expect(() => formatMemorySize(bytes)).toThrow(RangeError);
  });
});
