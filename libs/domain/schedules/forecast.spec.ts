import { countNear, overlapProbability } from './forecast';

const at = (minutes: number): Date => new Date(minutes * 60_000);
const minutes = (...of: number[]): number[] => of.map((n) => n * 60_000);

describe('overlapProbability', () => {
  it('counts the pairs of gap and duration where the duration is longer', () => {
    // Gaps of 10 and 30 minutes.
    expect(overlapProbability([at(0), at(10), at(40)], minutes(5, 10, 20, 31, 1))).toBe(3 / 10);
  });

  it('says nothing of fewer than five runs, or without a gap', () => {
    expect(overlapProbability([at(0), at(10)], minutes(1, 2, 3, 4))).toBeNull();
    expect(overlapProbability([at(0)], minutes(1, 2, 3, 4, 5))).toBeNull();
  });
});

it('counts runs from 70 % of a timeout on as near', () => {
  expect(countNear(minutes(6.9, 7, 9, 10, 12), 600_000)).toEqual({ near: 4, over: 2 });
});
