import { describe, expect, it } from 'vitest';
import { cronOf, firstPick, pickOf } from './cron-picks';

const PAIRS = [
  ['* * * * *', { kind: 'minutes', every: 1 }],
  ['*/15 * * * *', { kind: 'minutes', every: 15 }],
  ['7 * * * *', { kind: 'hourly', minute: 7 }],
  ['30 2 * * *', { kind: 'daily', time: '02:30' }],
  ['0 9 * * 1-5', { kind: 'weekly', time: '09:00', days: [1, 2, 3, 4, 5] }],
  ['0 9 * * 1,3,5-7', { kind: 'weekly', time: '09:00', days: [1, 3, 5, 6, 7] }],
  ['0 9 * * 6,7', { kind: 'weekly', time: '09:00', days: [6, 7] }],
  ['5 0 31 * *', { kind: 'monthly', time: '00:05', day: 31 }],
] as const;

describe('a cron that picks can say', () => {
  it.each(PAIRS)('%s is picked, and picked again as it was typed', (cron, pick) => {
    expect(pickOf(cron)).toEqual(pick);
    expect(cronOf(pick)).toBe(cron);
  });

  it.each([
    ['@daily', '0 0 * * *'],
    ['@weekly', '0 0 * * 7'],
    ['  0   9 * * MON-FRI ', '0 9 * * 1-5'],
    ['0 9 * * 0,sat', '0 9 * * 6,7'],
    ['0 9 * * 0-7', '0 9 * * *'],
  ])('%s means the same as what its pick makes', (typed, cron) => expect(cronOf(pickOf(typed))).toBe(cron));
});

it.each([
  '',
  '0 9 * *',
  '0 0 9 * * *',
  '*/7 * * * *',
  '0,30 9 * * *',
  '0 9 1 * 1',
  '0 9 * 1 *',
  '61 9 * * *',
  '0 9 * * 5-1',
])('leaves "%s" to typing', (cron) => expect(pickOf(cron)).toEqual({ kind: 'custom' }));

it('keeps the time when another kind is picked', () => {
  expect(firstPick('monthly', pickOf('30 2 * * *'))).toEqual({ kind: 'monthly', time: '02:30', day: 1 });
});
