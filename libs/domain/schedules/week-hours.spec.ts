import { foldIntoWeek } from './week-hours';

const at = (instant: string, status: 'success' | 'failed' = 'success', count = 1) => ({
  at: new Date(instant),
  status,
  count,
});

it('counts by the hours of the zone, in the order of its week', () => {
  const counts = [
    at('2026-01-05T23:45:00Z', 'success', 2), // Tuesday 00:45 in Berlin
    at('2026-01-06T23:00:00Z', 'failed'), // Wednesday 00:00
    at('2026-01-12T23:15:00Z', 'failed', 3), // Tuesday a week later
    at('2026-01-11T12:00:00Z'), // Sunday 13:00
  ];
  expect(foldIntoWeek(counts, 'Europe/Berlin')).toEqual([
    { weekday: 2, hour: 0, counts: { success: 2, failed: 3 } },
    { weekday: 3, hour: 0, counts: { failed: 1 } },
    { weekday: 7, hour: 13, counts: { success: 1 } },
  ]);
});

it('knows zones that are a quarter of an hour off, and changes of the clock', () => {
  expect(foldIntoWeek([at('2026-01-05T00:15:00Z')], 'Asia/Kathmandu')).toMatchObject([{ weekday: 1, hour: 6 }]);
  const summer = [at('2026-03-28T08:00:00Z'), at('2026-03-29T07:00:00Z')];
  expect(foldIntoWeek(summer, 'Europe/Berlin').map(({ hour }) => hour)).toEqual([9, 9]);
});
