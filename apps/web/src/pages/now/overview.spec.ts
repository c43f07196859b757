import { expect, it } from 'vitest';
import { nextSeen } from './overview';

const HOUR = 3_600_000;
const NOW = 1_000 * HOUR;

it('begins a day ago at the first visit, and where a person left after a while away', () => {
  expect(nextSeen(NOW, null)).toEqual({ since: NOW - 24 * HOUR, at: NOW });
  expect(nextSeen(NOW, { since: 1, at: NOW - 14 * HOUR })).toEqual({ since: NOW - 14 * HOUR, at: NOW });
});

it('stays where it began for who only looked away, and goes back a week at most', () => {
  const since = NOW - 5 * HOUR;
  expect(nextSeen(NOW, { since, at: NOW - HOUR / 4 })).toEqual({ since, at: NOW });
  expect(nextSeen(NOW, { since: 0, at: 0 })).toEqual({ since: NOW - 7 * 24 * HOUR, at: NOW });
  expect(nextSeen(NOW, { since: 0, at: NOW + HOUR })).toEqual({ since: NOW - 24 * HOUR, at: NOW });
});
