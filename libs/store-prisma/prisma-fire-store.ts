import type {
  ClockSpec,
  FiredRun,
  FiredSchedule,
  FireOneOptions,
  FirePlanner,
  FireStore,
  PlannableSchedule,
  PlannedInstants,
  ScheduleFault,
} from '@crewtab/domain/ports/fire-store';
import type { Subscription } from '@crewtab/domain/ports/runtime';
import type { Database } from './database';
import {
  countEnabled,
  findUnsyncedJobSchedulers,
  listEnabledJobSchedulers,
  markJobSchedulersSynced,
} from './fire-job-schedulers';
import { fireOne } from './fire-one';
import { FIND_UNPLANNED, FIRE_PUNCTUAL, MS_UNTIL_NEXT_DUE, SAVE_PLANNED, SET_ASIDE } from './fire-statements';
import { SCHEDULE_CHANGED, type Notifications } from './notifications';
import { withSingleWriter } from './single-writer';

interface FiredRow {
  readonly due_count: number;
  /** Null in the only row of an answer without fired runs. */
  readonly id: string | null;
  readonly schedule_id: string;
  readonly scheduled_for: Date;
}

interface PlannableRow {
  readonly id: string;
  readonly spec_version: number;
  readonly cron: string;
  readonly timezone: string;
  readonly next_fire_at: Date | null;
  readonly now: Date;
}

export class PrismaFireStore implements FireStore {
  constructor(
    private readonly db: Database,
    private readonly notifications: Notifications,
  ) {}

  async firePunctual({
    lateAfterMs,
    limit,
  }: {
    lateAfterMs: number;
    limit: number;
  }): Promise<{ fired: FiredRun[]; hasMore: boolean }> {
    const rows = await this.db.query<FiredRow>(FIRE_PUNCTUAL, [lateAfterMs, limit]);
    const fired = rows.flatMap((row) =>
      row.id === null ? [] : { runId: row.id, scheduleId: row.schedule_id, scheduledFor: row.scheduled_for },
    );
    return { fired, hasMore: (rows[0]?.due_count ?? 0) >= limit };
  }

  fireOne(plan: FirePlanner, options?: FireOneOptions): Promise<FiredSchedule | null> {
    return fireOne(this.db, plan, options);
  }

  async quarantine(faults: readonly ScheduleFault[]): Promise<void> {
    if (faults.length === 0) return;
    await this.db.query(SET_ASIDE, [
      faults.map((fault) => fault.scheduleId),
      faults.map((fault) => fault.specVersion),
      faults.map((fault) => fault.fault),
      faults.map((fault) => fault.retryAfterMs),
    ]);
  }

  async findUnplanned(limit: number): Promise<PlannableSchedule[]> {
    const rows = await this.db.query<PlannableRow>(FIND_UNPLANNED, [limit]);
    return rows.map((row) => ({
      scheduleId: row.id,
      specVersion: row.spec_version,
      cron: row.cron,
      timezone: row.timezone,
      nextFireAt: row.next_fire_at,
      now: row.now,
    }));
  }

  async savePlanned(plans: readonly PlannedInstants[]): Promise<void> {
    if (plans.length === 0) return;
    await this.db.query(SAVE_PLANNED, [
      plans.map((plan) => plan.scheduleId),
      plans.map((plan) => plan.specVersion),
      plans.map((plan) => plan.basedOn),
      plans.map((plan) => plan.nextFireAt),
      plans.map((plan) => plan.followingFireAt),
    ]);
  }

  async msUntilNextDue(): Promise<number | null> {
    const [row] = await this.db.query<{ ms: number }>(MS_UNTIL_NEXT_DUE);
    return row?.ms ?? null;
  }

  onScheduleChanged(listener: () => void): Promise<Subscription> {
    return this.notifications.subscribe(SCHEDULE_CHANGED, () => listener());
  }

  findUnsyncedJobSchedulers(limit: number): Promise<ClockSpec[]> {
    return findUnsyncedJobSchedulers(this.db, limit);
  }

  markJobSchedulersSynced(
    synced: readonly { readonly scheduleId: string; readonly specVersion: number }[],
  ): Promise<void> {
    return markJobSchedulersSynced(this.db, synced);
  }

  countEnabled(): Promise<number> {
    return countEnabled(this.db);
  }

  listEnabledJobSchedulers(afterId: string | null, limit: number): Promise<ClockSpec[]> {
    return listEnabledJobSchedulers(this.db, afterId, limit);
  }

  withSingleWriter(name: string, work: () => Promise<void>): Promise<boolean> {
    return withSingleWriter(this.db, name, work);
  }
}
