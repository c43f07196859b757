import type { Clock } from '@crewtab/domain/ports/clock';
import type {
  ClockSpec,
  DueSchedule,
  FiredRun,
  FiredSchedule,
  FirePlanner,
  FireStore,
  PlannableSchedule,
  PlannedInstants,
  PlannedRow,
} from '@crewtab/domain/ports/fire-store';
import type { Subscription } from '@crewtab/domain/ports/runtime';
import type { Run } from '@crewtab/domain/runs/run';
import type { InMemoryRunStore } from './in-memory-run-store';
import { Listeners } from './listeners';
import { fakeUuid } from './stored-run';

/** What firing knows of a schedule. */
export interface FiringSchedule {
  readonly id: string;
  readonly cron: string;
  readonly timezone: string;
  readonly enabled: boolean;
  readonly overlap: DueSchedule['overlap'];
  readonly catchUp: DueSchedule['catchUp'];
  readonly catchUpWindowMs: number;
  readonly nextFireAt: Date | null;
  readonly followingFireAt: Date | null;
  readonly specVersion: number;
  readonly clockVersion: number;
}

/**
 * The fire store without a database; its runs go into an `InMemoryRunStore`. The same answers as the real one, except that
 * nothing can be locked by another process here.
 */
export class InMemoryFireStore implements FireStore {
  private readonly schedules = new Map<string, FiringSchedule>();
  private readonly changed = new Listeners<undefined>();
  private readonly writers = new Set<string>();

  constructor(
    private readonly clock: Clock,
    private readonly runs: InMemoryRunStore,
  ) {}

  // For tests

  /** Enabled, every minute, overlap `allow`, and without any instant, unless the seed says otherwise. */
  addSchedule(seed: Partial<FiringSchedule> = {}): FiringSchedule {
    const schedule: FiringSchedule = {
      id: fakeUuid(this.schedules.size + 1, 7),
      cron: '* * * * *',
      timezone: 'UTC',
      enabled: true,
      overlap: 'allow',
      catchUp: 'latest',
      catchUpWindowMs: 3_600_000,
      nextFireAt: null,
      followingFireAt: null,
      specVersion: 1,
      clockVersion: 0,
      ...seed,
    };
    this.schedules.set(schedule.id, schedule);
    this.changed.notify(undefined);
    return schedule;
  }

  /** As an edit of cron, timezone or enabled does; instants that the patch leaves out are unknown afterwards. */
  editSchedule(id: string, patch: Partial<FiringSchedule>): void {
    const { specVersion } = this.read(id);
    this.change(id, { nextFireAt: null, followingFireAt: null, ...patch, specVersion: specVersion + 1 });
    this.changed.notify(undefined);
  }

  read(id: string): FiringSchedule {
    const schedule = this.schedules.get(id);
    if (!schedule) throw new Error(`the in-memory store has no schedule ${id}`);
    return schedule;
  }

  /** Its runs, oldest instant first. */
  runsOf(scheduleId: string): Run[] {
    const runs = this.runs.all().filter((run) => run.scheduleId === scheduleId);
    return runs.sort((a, b) => a.scheduledFor.getTime() - b.scheduledFor.getTime());
  }

  // The port

  async firePunctual({
    lateAfterMs,
    limit,
  }: {
    lateAfterMs: number;
    limit: number;
  }): Promise<{ fired: FiredRun[]; hasMore: boolean }> {
    await Promise.resolve();
    const now = this.clock.now();
    const isPunctual = ({ overlap, nextFireAt, followingFireAt }: FiringSchedule): boolean =>
      overlap === 'allow' &&
      nextFireAt !== null &&
      now.getTime() - nextFireAt.getTime() <= lateAfterMs &&
      followingFireAt !== null &&
      followingFireAt > now;
    const due = this.due().filter(isPunctual).slice(0, limit);
    const fired = due.flatMap((schedule) => {
      const scheduledFor = schedule.nextFireAt ?? now;
      this.change(schedule.id, { nextFireAt: schedule.followingFireAt, followingFireAt: null });
      return this.insert(schedule, { scheduledFor, trigger: 'schedule', status: 'queued', reason: null });
    });
    return { fired: fired.map(toFiredRun), hasMore: due.length >= limit };
  }

  async fireOne(plan: FirePlanner): Promise<FiredSchedule | null> {
    await Promise.resolve();
    const [schedule] = this.due();
    if (!schedule?.nextFireAt) return null;
    const { id, cron, timezone, overlap, catchUp, catchUpWindowMs, nextFireAt } = schedule;
    const active = this.runsOf(id).filter(({ status }) => status === 'queued' || status === 'running');
    const planned = plan({
      scheduleId: id,
      cron,
      timezone,
      overlap,
      catchUp,
      catchUpWindowMs,
      nextFireAt,
      now: this.clock.now(),
      activeRuns: active.length,
    });
    if (planned.cancelActive) for (const run of active) this.runs.requestCancel(run.id, 'replaced');
    const inserted = planned.rows.flatMap((row) => this.insert(schedule, row));
    this.change(id, { nextFireAt: planned.nextFireAt, followingFireAt: planned.followingFireAt });
    const of = (status: PlannedRow['status']): Run[] => inserted.filter((run) => run.status === status);
    return {
      scheduleId: id,
      queued: of('queued').map(toFiredRun),
      skipped: of('skipped').length,
      missed: of('missed').length,
    };
  }

  findUnplanned(limit: number): Promise<PlannableSchedule[]> {
    const unplanned = this.enabled().filter(({ followingFireAt }) => followingFireAt === null);
    const now = this.clock.now();
    return Promise.resolve(
      unplanned.slice(0, limit).map(({ id, specVersion, cron, timezone, nextFireAt }) => ({
        scheduleId: id,
        specVersion,
        cron,
        timezone,
        nextFireAt,
        now,
      })),
    );
  }

  async savePlanned(plans: readonly PlannedInstants[]): Promise<void> {
    await Promise.resolve();
    for (const { scheduleId, specVersion, basedOn, nextFireAt, followingFireAt } of plans) {
      const schedule = this.schedules.get(scheduleId);
      if (
        !schedule?.enabled ||
        schedule.specVersion !== specVersion ||
        schedule.nextFireAt?.getTime() !== basedOn?.getTime()
      )
        continue;
      this.change(scheduleId, { nextFireAt, followingFireAt });
      if (basedOn === null) this.changed.notify(undefined);
    }
  }

  msUntilNextDue(): Promise<number | null> {
    const instants = this.enabled().flatMap(({ nextFireAt }) => nextFireAt?.getTime() ?? []);
    return Promise.resolve(instants.length === 0 ? null : Math.min(...instants) - this.clock.now().getTime());
  }

  onScheduleChanged(listener: () => void): Promise<Subscription> {
    return Promise.resolve(this.changed.add(() => listener()));
  }

  findUnsyncedClocks(limit: number): Promise<ClockSpec[]> {
    const unsynced = [...this.schedules.values()].filter(
      ({ specVersion, clockVersion }) => specVersion !== clockVersion,
    );
    return Promise.resolve(unsynced.slice(0, limit).map(toClockSpec));
  }

  async markClocksSynced(
    synced: readonly { readonly scheduleId: string; readonly specVersion: number }[],
  ): Promise<void> {
    await Promise.resolve();
    for (const { scheduleId, specVersion } of synced) {
      const { clockVersion } = this.read(scheduleId);
      if (clockVersion < specVersion) this.change(scheduleId, { clockVersion: specVersion });
    }
  }

  countEnabled(): Promise<number> {
    return Promise.resolve(this.enabled().length);
  }

  listEnabledClocks(afterId: string | null, limit: number): Promise<ClockSpec[]> {
    const after = this.enabled().filter(({ id }) => afterId === null || id > afterId);
    return Promise.resolve(after.slice(0, limit).map(toClockSpec));
  }

  async withSingleWriter(name: string, work: () => Promise<void>): Promise<boolean> {
    if (this.writers.has(name)) return false;
    this.writers.add(name);
    try {
      await work();
      return true;
    } finally {
      this.writers.delete(name);
    }
  }

  private enabled(): FiringSchedule[] {
    return [...this.schedules.values()].filter(({ enabled }) => enabled).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  private due(): FiringSchedule[] {
    const at = ({ nextFireAt }: FiringSchedule): number => nextFireAt?.getTime() ?? Infinity;
    const now = this.clock.now().getTime();
    return this.enabled()
      .filter((schedule) => at(schedule) <= now)
      .sort((a, b) => at(a) - at(b));
  }

  /** Empty when the instant has its run already. */
  private insert({ id, overlap }: FiringSchedule, { scheduledFor, trigger, status, reason }: PlannedRow): Run[] {
    const hasOne = this.runsOf(id).some(
      (run) =>
        (run.trigger === 'schedule' || run.trigger === 'catchup') &&
        run.scheduledFor.getTime() === scheduledFor.getTime(),
    );
    if (hasOne) return [];
    const ended =
      status === 'queued' ? {} : ({ phase: 'finished', finishedAt: this.clock.now(), notRunReason: reason } as const);
    return [
      this.runs.addRun({ scheduleId: id, scheduledFor, trigger, status, isExclusive: overlap !== 'allow', ...ended }),
    ];
  }

  private change(id: string, patch: Partial<FiringSchedule>): void {
    this.schedules.set(id, { ...this.read(id), ...patch });
  }
}

function toFiredRun({ id, scheduleId, scheduledFor }: Run): FiredRun {
  return { runId: id, scheduleId, scheduledFor };
}

function toClockSpec({ id, specVersion, enabled, cron, timezone }: FiringSchedule): ClockSpec {
  return { scheduleId: id, specVersion, clock: enabled ? { cron, timezone } : null };
}
