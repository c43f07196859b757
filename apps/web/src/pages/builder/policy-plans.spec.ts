import { describe, expect, it } from 'vitest';
import { planCatchUp, planOverlap, readDuration } from './policy-plans';

describe('planOverlap', () => {
  // The first run takes longer than the gap of 10.
  const plan = (policy: Parameters<typeof planOverlap>[0]) =>
    planOverlap(policy, [0, 10, 20], [16, 4, 4]).map(({ start, end, fate }) => [start, end, fate]);

  it.each([
    [
      'allow',
      [
        [0, 16, 'runs'],
        [10, 14, 'runs'],
        [20, 24, 'runs'],
      ],
    ],
    [
      'skip',
      [
        [0, 16, 'runs'],
        [null, 10, 'skipped'],
        [20, 24, 'runs'],
      ],
    ],
    [
      'queue',
      [
        [0, 16, 'runs'],
        [16, 20, 'waits'],
        [20, 24, 'runs'],
      ],
    ],
    [
      'replace',
      [
        [0, 10, 'replaced'],
        [10, 14, 'runs'],
        [20, 24, 'runs'],
      ],
    ],
  ] as const)('under %s', (policy, expected) => expect(plan(policy)).toEqual(expected));
});

describe('planCatchUp', () => {
  const plan = (policy: Parameters<typeof planCatchUp>[0], windowMs: number) =>
    planCatchUp(policy, [0, 10, 20, 30, 40], { from: 5, to: 35 }, windowMs).map(({ fate }) => fate);

  it.each([
    ['none', 100, ['fires', 'missed', 'missed', 'missed', 'fires']],
    ['latest', 100, ['fires', 'missed', 'missed', 'caught up', 'fires']],
    ['latest', 4, ['fires', 'missed', 'missed', 'missed', 'fires']],
    ['all', 100, ['fires', 'caught up', 'caught up', 'caught up', 'fires']],
    ['all', 15, ['fires', 'missed', 'caught up', 'caught up', 'fires']],
  ] as const)('under %s and a window of %d', (policy, window, fates) => expect(plan(policy, window)).toEqual(fates));
});

it.each([
  ['1h30m', 5_400_000],
  ['90s', 90_000],
  ['500ms', 500],
  ['1.5h', 5_400_000],
  ['30', null],
  ['x', null],
])('reads the duration %s', (text, ms) => expect(readDuration(text)).toBe(ms));
