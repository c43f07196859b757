import { describe, expect, it } from 'vitest';
import { marksOf, nearestMark, radiusFor, type Lane } from './lane-marks';

const minute = (n: number): string => new Date(n * 60_000).toISOString();
const run = (id: string, from: number, to: number | null, status = 'success') => ({
  ...{ id, status, trigger: 'schedule', scheduledFor: minute(from), startedAt: minute(from) },
  finishedAt: to === null ? null : minute(to),
});

const lane = (fields: object): Lane =>
  ({
    ...{ schedule: {}, runs: [], columns: null, upcoming: [], isUpcomingCut: false, pauses: [], zoneChanges: [] },
    ...{ stats: { n: 0, p50Seconds: null, p95Seconds: null }, ...fields },
  }) as unknown as Lane;

describe('marksOf', () => {
  it('lays runs that overlap below each other, the one that runs up to now', () => {
    const runs = [run('a', 0, 10), run('b', 5, 8), run('c', 9, 12), run('d', 20, null, 'running')];
    const marks = marksOf(lane({ runs }), 25 * 60_000);
    expect(marks.map(({ runId, level }) => [runId, level])).toEqual([
      ['a', 0],
      ['b', 1],
      ['c', 1],
      ['d', 0],
    ]);
    expect(marks[3]?.until).toBe(25 * 60_000);
  });

  it('gives what will be the time that half of the runs take', () => {
    const stats = { n: 9, p50Seconds: 60, p95Seconds: 90 };
    expect(marksOf(lane({ upcoming: [minute(30)], stats }), 0)).toMatchObject([{ status: 'due', until: 31 * 60_000 }]);
  });
});

it('finds the mark that is nearest, a column by its middle', () => {
  const columns = [{ from: minute(0), to: minute(10), counts: { success: 3 } }];
  const marks = marksOf(lane({ columns, runs: null, upcoming: [minute(20)] }), 0);
  expect([1, 12, 13, 90].map((n) => nearestMark(marks, n * 60_000))).toEqual([0, 0, 1, 1]);
  expect(nearestMark([], 0)).toBe(-1);
});

it('keeps shapes apart, but for a few', () => {
  const apart = (px: number, count: number): number[] => Array.from({ length: count }, (_, at) => at * px);
  expect([radiusFor([]), radiusFor([7]), radiusFor(apart(30, 9))]).toEqual([5, 5, 5]);
  expect(radiusFor(apart(8, 20))).toBeCloseTo(3.6);
  expect(radiusFor(apart(1, 200))).toBe(1.5);
  // Those of each day stand close together, with a night between them.
  expect(radiusFor([0, 6, 12, 18, 100, 106, 112, 118])).toBeCloseTo(2.7);
  expect(radiusFor([0, 1, ...apart(20, 20).map((px) => px + 20)])).toBe(5);
});
