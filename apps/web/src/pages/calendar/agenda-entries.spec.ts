import { expect, it } from 'vitest';
import { agendaOf } from './agenda-entries';
import type { Lane } from './lane-marks';

const minute = (n: number): string => new Date(n * 60_000).toISOString();
const lane = (name: string, fields: object): Lane =>
  ({
    ...{ schedule: { id: name, name }, runs: [], columns: null, upcoming: [], isUpcomingCut: false, pauses: [] },
    ...{ zoneChanges: [], stats: { n: 0, p50Seconds: 60, p95Seconds: 60 }, ...fields },
  }) as unknown as Lane;
const run = (id: string, at: number) => ({
  ...{ id, status: 'success', trigger: 'schedule', scheduledFor: minute(at) },
  ...{ startedAt: minute(at), finishedAt: minute(at + 2) },
});

it('has what is due next first, and what was newest first, over all schedules', () => {
  const lanes = [
    lane('a', { runs: [run('a1', 1), run('a2', 5)], upcoming: [minute(12), minute(30)] }),
    lane('b', { runs: [run('b1', 3)], upcoming: [minute(20)] }),
    lane('busy', { runs: null, columns: [{ from: minute(0), to: minute(9), counts: { success: 600, failed: 1 } }] }),
  ];
  const { ahead, past, crowded } = agendaOf(lanes, 10 * 60_000);
  expect(ahead.map(({ name, at }) => [name, at / 60_000])).toEqual([
    ['a', 12],
    ['b', 20],
    ['a', 30],
  ]);
  expect(past.map(({ runId, durationMs }) => [runId, durationMs])).toEqual([
    ['a2', 120_000],
    ['b1', 120_000],
    ['a1', 120_000],
  ]);
  expect(crowded).toEqual([{ id: 'busy', name: 'busy', runs: 601 }]);
});
