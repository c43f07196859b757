import { describe, expect, it } from 'vitest';
import { dayIn, formatClock, formatRelative, formatSpan, zoneName } from './format-time';

describe('formatSpan', () => {
  it.each([
    [0, '0 ms'],
    [3.4, '3 ms'],
    [2_149, '2.1 s'],
    [9_999, '9.9 s'],
    [59_999, '59 s'],
    [72_000, '1 m 12 s'],
    [3_600_000, '1 h'],
    [18_720_000, '5 h 12 m'],
    [273_600_000, '3 d 4 h'],
    [-5, '0 ms'],
  ])('says %d ms as %s', (ms, words) => expect(formatSpan(ms)).toBe(words));
});

describe('formatRelative', () => {
  const now = new Date('2026-11-30T12:00:00Z');
  it.each([
    ['2026-11-30T11:59:55Z', 'just now'],
    ['2026-11-30T12:00:05Z', 'in a moment'],
    ['2026-11-30T11:59:15Z', '45 s ago'],
    ['2026-11-30T11:56:30Z', '3 m ago'],
    ['2026-11-30T17:12:00Z', 'in 5 h 12 m'],
  ])('says %s as %s', (at, words) => expect(formatRelative(new Date(at), now)).toBe(words));
});

describe('formatClock', () => {
  it('adds the day where it is not today', () => {
    const at = new Date('2026-11-30T23:30:00Z');
    expect(formatClock(at, '2026-12-01', 'Europe/Berlin')).toBe('00:30');
    expect(formatClock(at, '2026-11-30', 'Europe/Berlin')).toMatch(/1.*00:30$/);
    expect(formatClock(at, dayIn(at, 'UTC'), 'UTC')).toBe('23:30');
  });
});

it('names a zone by its place', () => {
  expect([zoneName('America/New_York'), zoneName('UTC')]).toEqual(['New York', 'UTC']);
});
