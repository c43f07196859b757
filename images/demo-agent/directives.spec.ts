import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DIRECTIVES } from './directives';
import { parseBytes, parseMs, patternText } from './pattern';
import { readSettings } from './settings';

describe('directives', () => {
  it('are described in the README, all of them and no others', () => {
    const readme = readFileSync(join(__dirname, 'README.md'), 'utf8');
    const described = [...readme.matchAll(/^\| `([a-z-]+)[^`]*` \|/gm)].map((match) => match[1]);
    expect(described.sort()).toEqual(Object.keys(DIRECTIVES).sort());
  });
});

describe('pattern', () => {
  it.each([0, 1, 8, 13, 4096])('has exactly %i bytes', (bytes) => {
    expect(Buffer.byteLength(patternText(bytes))).toBe(bytes);
  });

  it('is a row of numbers, cut where its length ends', () => {
    expect(patternText(20)).toBe('0000000,0000001,0000');
  });

  it('reads sizes and durations', () => {
    expect([parseBytes('8MB'), parseBytes('64kb'), parseBytes('7')]).toEqual([8_388_608, 65_536, 7]);
    expect([parseMs('2s'), parseMs('250ms'), parseMs('1m')]).toEqual([2_000, 250, 60_000]);
  });
});

describe('settings', () => {
  it('refuse what is not a number', () => {
    expect(() => readSettings({ DEMO_PACE: 'fast' })).toThrow('DEMO_PACE must be a number');
  });
});
