import type { Page, PageRequest } from '@crewtab/domain/ports/management-store';
import type {
  LaneRuns,
  LaneWindow,
  LedgerRow,
  RecentRun,
  ScheduleHistory,
  ScheduleRevision,
} from '@crewtab/domain/ports/schedule-history';
import type { PromptRecord } from '@crewtab/domain/runs/prompt-facts';
import type { Run } from '@crewtab/domain/runs/run';
import type { SpecChange } from '@crewtab/domain/schedules/paused-spans';
import type { QuarterCount } from '@crewtab/domain/schedules/week-hours';
import type { InMemoryCatalog } from './in-memory-catalog';
import type { InMemoryRunArchive } from './in-memory-run-archive';
import { pageOf } from './pages';

/** Reads the runs of the archive. */
export class InMemoryScheduleHistory implements ScheduleHistory {
  constructor(
    private readonly archive: Pick<InMemoryRunArchive, 'runs'>,
    private readonly catalog: Pick<InMemoryCatalog, 'schedules' | 'revisions'>,
  ) {}

  readPromptRecord(organizationId: string, scheduleId: string, scheduledFor: Date): Promise<PromptRecord | null> {
    const schedule = this.catalog.schedules.get(scheduleId);
    if (schedule?.organizationId !== organizationId) return Promise.resolve(null);
    const runs = this.runsOf(organizationId, scheduleId);
    const until = runs
      .filter(({ status, scheduledFor: at }) => status === 'success' && at < scheduledFor)
      .map((run) => run.window?.end ?? run.scheduledFor);
    const [last] = runs.filter(({ finishedAt }) => finishedAt !== null).reverse();
    return Promise.resolve({
      scheduleName: schedule.name,
      timezone: schedule.timezone,
      scheduleCreatedAt: schedule.createdAt,
      coveredUntil: until.reduce<Date | null>((newest, at) => (newest && newest > at ? newest : at), null),
      keptWindow: null,
      lastRun: last?.finishedAt
        ? { status: last.status, result: last.outcome?.result ?? null, finishedAt: last.finishedAt }
        : null,
    });
  }

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

  readLedger(organizationId: string, scheduleId: string, page: PageRequest): Promise<Page<LedgerRow>> {
    const fired = newestFirst(this.runsOf(organizationId, scheduleId)).reverse();
    const { items, nextCursor } = pageOf(
      fired.filter(({ trigger }) => trigger === 'schedule' || trigger === 'catchup'),
      page,
    );
    return Promise.resolve({ items: items.map(toLedgerRow), nextCursor });
  }

  readSpecChanges(
    organizationId: string,
    scheduleIds: readonly string[],
  ): Promise<ReadonlyMap<string, readonly SpecChange[]>> {
    const changesOf = (id: string): SpecChange[] =>
      this.catalog.revisions
        .filter(({ scheduleId }) => scheduleId === id)
        .filter(() => this.catalog.schedules.get(id)?.organizationId === organizationId)
        .map(({ at, note, fields: { enabled, cron, timezone } }) => ({ at, note, enabled, cron, timezone }));
    return Promise.resolve(new Map(scheduleIds.map((id) => [id, changesOf(id)])));
  }

  readLanes(
    organizationId: string,
    scheduleIds: readonly string[],
    { from, to, maxRuns, columnMs }: LaneWindow,
  ): Promise<ReadonlyMap<string, LaneRuns>> {
    const laneOf = (id: string): LaneRuns => {
      const runs = newestFirst(this.runsOf(organizationId, id)).reverse();
      const due = runs.filter(({ scheduledFor }) => scheduledFor >= from && scheduledFor < to);
      if (due.length <= maxRuns) return { runs: due };
      const columns = due.map(({ scheduledFor, status }) => ({
        column: Math.floor((scheduledFor.getTime() - from.getTime()) / columnMs),
        status,
      }));
      const keys = new Set(columns.map(({ column, status }) => `${column} ${status}`));
      return {
        columns: columns
          .filter(({ column, status }) => keys.delete(`${column} ${status}`))
          .map((one) => ({
            ...one,
            count: columns.filter(({ column, status }) => column === one.column && status === one.status).length,
          })),
      };
    };
    return Promise.resolve(new Map(scheduleIds.map((id) => [id, laneOf(id)])));
  }

  countByQuarter(organizationId: string, from: Date, to: Date): Promise<readonly QuarterCount[]> {
    const due = [...this.archive.runs.values()].filter(
      (run) => run.organizationId === organizationId && run.scheduledFor >= from && run.scheduledFor < to,
    );
    return Promise.resolve(due.map(({ scheduledFor: at, status }) => ({ at, status, count: 1 })));
  }

  readRevisions(
    organizationId: string,
    scheduleId: string,
    limit: number,
    before = Number.POSITIVE_INFINITY,
  ): Promise<readonly ScheduleRevision[]> {
    if (this.catalog.schedules.get(scheduleId)?.organizationId !== organizationId) return Promise.resolve([]);
    const own = this.catalog.revisions.filter((one) => one.scheduleId === scheduleId && one.revision < before);
    const shown = own.reverse().slice(0, limit);
    return Promise.resolve(shown.map(({ scheduleId: _, ...revision }) => revision));
  }

  private runsOf(organizationId: string, scheduleId: string): Run[] {
    return [...this.archive.runs.values()].filter(
      (run) => run.organizationId === organizationId && run.scheduleId === scheduleId,
    );
  }
}

function toLedgerRow(run: Run): LedgerRow {
  const { notRunReason: reason } = run;
  return {
    run,
    recordedAt: run.scheduledFor,
    reason: reason && { code: reason.code, message: reason.message },
    blockedBy: reason?.runId ?? null,
    gap: reason?.from && reason.to ? { from: reason.from, to: reason.to } : null,
  };
}

function newestFirst(runs: readonly Run[]): Run[] {
  return [...runs].sort((one, other) => other.scheduledFor.getTime() - one.scheduledFor.getTime());
}
