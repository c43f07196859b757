import fc from 'fast-check';
import { civilDateOf, dayNumberOf, daysInMonth, weekdayOf } from './civil-time';

const DAY_MS = 86_400_000;

describe('civil dates', () => {
  it('agree with Date over its whole range', () => {
    fc.assert(
      fc.property(fc.integer({ min: -100_000_000, max: 100_000_000 }), (dayNumber) => {
        const date = new Date(dayNumber * DAY_MS);
        const civil = civilDateOf(dayNumber);
        expect(civil).toEqual({ year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() });
        expect(dayNumberOf(civil.year, civil.month, civil.day)).toBe(dayNumber);
        expect(weekdayOf(dayNumber)).toBe(date.getUTCDay());
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    [2024, 2, 29],
    [2023, 2, 28],
    [2000, 2, 29],
    [2100, 2, 28],
    [2024, 4, 30],
    [2024, 12, 31],
  ])('%d-%d has %d days', (year, month, days) => {
    expect(daysInMonth(year, month)).toBe(days);
  });
});
