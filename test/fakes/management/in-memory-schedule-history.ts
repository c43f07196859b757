import type { RecentRun, ScheduleHistory } from '@crewtab/domain/ports/schedule-history';
import type { Run } from '@crewtab/domain/runs/run';
import type { InMemoryRunArchive } from './in-memory-run-archive';

/** Reads the runs of the archive. */
export class InMemoryScheduleHistory implements ScheduleHistory {
  constructor(private readonly archive: Pick<InMemoryRunArchive, 'runs'>) {}

  readRecent(
    organizationId: string,
    scheduleIds: readonly string[],
    limit: number,
  ): Promise<ReadonlyMap<string, readonly RecentRun[]>> {
    return Promise.resolve(
      new Map(scheduleIds.map((id) => [id, newestFirst(this.runsOf(organizationId, id)).slice(0, limit)])),
    );
  }

  readDurations(
    organizationId: string,
    scheduleIds: readonly string[],
  ): Promise<ReadonlyMap<string, readonly number[]>> {
    const durationsOf = (id: string): number[] =>
      newestFirst(this.runsOf(organizationId, id)).flatMap(({ status, startedAt, finishedAt }) =>
        startedAt && finishedAt && status !== 'cancelled' ? [finishedAt.getTime() - startedAt.getTime()] : [],
      );
    return Promise.resolve(new Map(scheduleIds.map((id) => [id, durationsOf(id)])));
  }

  private runsOf(organizationId: string, scheduleId: string): Run[] {
    return [...this.archive.runs.values()].filter(
      (run) => run.organizationId === organizationId && run.scheduleId === scheduleId,
    );
  }
}

function newestFirst(runs: readonly Run[]): Run[] {
  return [...runs].sort((one, other) => other.scheduledFor.getTime() - one.scheduledFor.getTime());
}
