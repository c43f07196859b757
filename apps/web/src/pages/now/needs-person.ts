import type { Run, Schedule } from '../../api/client';

/**
 * Runs that a person should look at: the latest of each schedule whose latest ended badly, and instants that were missed, where
 * the schedule did not succeed since.
 */
export function needsPerson({
  latestOfFailed,
  missed,
  schedules,
}: {
  /** The newest runs, newest first, of each schedule that stands at error. */
  readonly latestOfFailed: readonly (readonly Run[])[];
  readonly missed: readonly Run[];
  readonly schedules: readonly Pick<Schedule, 'id' | 'status' | 'lastRunAt'>[];
}): Run[] {
  const failed = latestOfFailed.flatMap((runs) => {
    const latest = runs.find(({ status }) => status === 'failed' || status === 'timeout');
    return latest ? [latest] : [];
  });
  const byId = new Map(schedules.map((schedule) => [schedule.id, schedule]));
  const isOpen = (run: Run): boolean => {
    const schedule = byId.get(run.scheduleId ?? '');
    if (!schedule) return false;
    const hasRunSince = schedule.lastRunAt !== null && schedule.lastRunAt > run.scheduledFor;
    return !(hasRunSince && schedule.status === 'idle');
  };
  return [...failed, ...newestOfEach(missed.filter(isOpen))].sort((one, other) =>
    one.scheduledFor < other.scheduledFor ? 1 : -1,
  );
}

/** One of each schedule: the others are in its list. */
function newestOfEach(runs: readonly Run[]): Run[] {
  const seen = new Set<string | null>();
  return runs.filter(({ scheduleId }) => !seen.has(scheduleId) && seen.add(scheduleId));
}
