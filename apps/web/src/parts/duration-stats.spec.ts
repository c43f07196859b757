import { expect, it } from 'vitest';
import { isNearTimeout } from './duration-stats';

const stats = (p95Seconds: number | null, n = 10) => ({ n, p50Seconds: 1, p95Seconds });

it.each([
  [stats(69), false],
  [stats(70), true],
  [stats(100), true],
  [stats(100, 4), false],
  [stats(null, 0), false],
])('tells whether runs came near a timeout of 100 s', (of, isNear) => expect(isNearTimeout(of, 100)).toBe(isNear));
