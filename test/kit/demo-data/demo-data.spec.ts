import { DEMO_SCHEDULES } from './demo-content';
import { eventsOf } from './demo-events';
import { makeHistory, usagesOf } from './demo-history';

const NOW = new Date('2026-11-30T08:10:00.000Z');
const history = makeHistory(NOW);

it('has a month of runs in all eight statuses, none of the future', () => {
  expect(new Set(history.map(({ status }) => status)).size).toBe(8);
  expect(history.length).toBeGreaterThan(900);
  for (const { queuedAt, startedAt, finishedAt, talk } of history) {
    const instants = [queuedAt, startedAt, finishedAt, ...talk.messages.map(({ at }) => at)];
    expect(instants.filter((at) => at !== null && at > NOW)).toEqual([]);
    if (startedAt && finishedAt) expect(finishedAt.getTime()).toBeGreaterThan(startedAt.getTime());
  }
});

it('is the same for the same instant, and has each instant of a schedule once', () => {
  expect(makeHistory(NOW)).toEqual(history);
  expect(new Set(history.map(({ id }) => id)).size).toBe(history.length);
  for (const schedule of DEMO_SCHEDULES) {
    const fired = history.filter((run) => run.schedule === schedule && run.trigger !== 'manual');
    expect(new Set(fired.map(({ scheduledFor }) => scheduledFor.getTime())).size).toBe(fired.length);
  }
});

it('has runs whose usage is known, known in part, and unknown', () => {
  const kinds = history.filter(({ startedAt }) => startedAt !== null).map((run) => [...usagesOf(run).values()]);
  const isCostKnown = kinds.map((usages) => new Set(usages.map(({ cost }) => cost !== null)));
  expect(isCostKnown).toContainEqual(new Set([true]));
  expect(isCostKnown).toContainEqual(new Set([true, false]));
  expect(kinds.some((usages) => usages.length === 0)).toBe(true);
});

it('tells each run by events in the order of time, the last of them its status', () => {
  for (const run of history) {
    const events = eventsOf(run, 'host');
    expect(events.map(({ at }) => at)).toEqual(
      events.map(({ at }) => at).toSorted((a, b) => a.getTime() - b.getTime()),
    );
    expect(events.at(-1)?.data['to']).toEqual({ status: run.status, phase: run.phase });
  }
});
