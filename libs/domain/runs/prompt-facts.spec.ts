import { factsOf, windowOf, type PromptRecord } from './prompt-facts';

const at = (day: number): Date => new Date(Date.UTC(2026, 11, day));
const RECORD: PromptRecord = {
  scheduleName: 'Stand-up',
  timezone: 'UTC',
  scheduleCreatedAt: at(1),
  coveredUntil: null,
  keptWindow: null,
  lastRun: null,
};

describe('the window of a run', () => {
  it.each([
    ['begins with the schedule where no run succeeded', {}, at(3), at(1)],
    ['begins where the last success ended', { coveredUntil: at(2) }, at(3), at(2)],
    ['is wider after a run that failed', { coveredUntil: at(2) }, at(5), at(2)],
    ['has no length for an instant before the schedule was made', {}, new Date(0), new Date(0)],
  ])('%s', (_what, record, scheduledFor, start) => {
    expect(windowOf({ ...RECORD, ...record }, scheduledFor)).toEqual({ start, end: scheduledFor });
  });

  it('of a rerun is that of its original, whatever succeeded since', () => {
    const keptWindow = { start: at(2), end: at(3) };
    const record = { ...RECORD, coveredUntil: at(8), keptWindow };
    expect(windowOf(record, at(9))).toBe(keptWindow);
    expect(factsOf(record, { id: 'r', scheduledFor: at(9), variables: { a: 1 } })).toEqual({
      ...{ runId: 'r', scheduleName: 'Stand-up', timezone: 'UTC' },
      ...{ window: keptWindow, lastRun: null, variables: { a: 1 } },
    });
  });
});
