import { expect, it } from 'vitest';
import type { Run } from '../../api/client';
import { needsPerson } from './needs-person';

const run = (fields: Partial<Run>): Run =>
  ({ id: 'r', scheduleId: 's', status: 'failed', scheduledFor: '2026-11-30T02:00:00.000Z', ...fields }) as Run;
const idle = { id: 's', status: 'idle', lastRunAt: '2026-11-30T03:00:00.000Z' } as const;

it('has the latest bad run of a schedule that stands at error', () => {
  const runs = [run({ id: 'skipped', status: 'skipped' }), run({ id: 'late', status: 'timeout' }), run({ id: 'old' })];
  const found = needsPerson({ latestOfFailed: [runs], missed: [], schedules: [] });
  expect(found.map(({ id }) => id)).toEqual(['late']);
});

it('lets a missed instant go once the schedule ran well after it', () => {
  const missed = [run({ status: 'missed' })];
  const find = (schedule: typeof idle | { id: string; status: 'error'; lastRunAt: string | null }) =>
    needsPerson({ latestOfFailed: [], missed, schedules: [schedule] });
  expect(find(idle)).toEqual([]);
  expect(find({ ...idle, lastRunAt: '2026-11-29T03:00:00.000Z' } as never)).toEqual(missed);
  expect(find({ id: 's', status: 'error', lastRunAt: idle.lastRunAt })).toEqual(missed);
});

it('has one missed instant of a schedule, the newest, and none of a deleted one', () => {
  const schedules = [{ id: 's', status: 'idle', lastRunAt: null } as const];
  const missed = [
    run({ id: 'new', status: 'missed' }),
    run({ id: 'old', status: 'missed' }),
    run({ scheduleId: 'gone' }),
  ];
  expect(needsPerson({ latestOfFailed: [], missed, schedules }).map(({ id }) => id)).toEqual(['new']);
});
