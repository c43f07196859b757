import { summarizeDurations } from './run-durations';

it('has nothing to say of no runs', () => {
  expect(summarizeDurations([])).toEqual({ n: 0, p50Ms: null, p95Ms: null });
});

it.each([
  [[7], 7, 7],
  [[30, 10, 20], 20, 30],
  [[1, 2, 3, 4], 2, 4],
  [Array.from({ length: 100 }, (_, index) => 100 - index), 50, 95],
])('takes durations that were seen, in any order', (durations, p50Ms, p95Ms) => {
  expect(summarizeDurations(durations)).toEqual({ n: durations.length, p50Ms, p95Ms });
});
