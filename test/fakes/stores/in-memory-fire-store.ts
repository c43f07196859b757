import type { Clock } from '@crewtab/domain/ports/clock';
import type {
  ClockSpec,
  DueSchedule,
  FiredRun,
  FiredSchedule,
  FireOneOptions,
  FirePlanner,
  FireStore,
  PlanFault,
  PlannableSchedule,
  PlannedInstants,
  PlannedRow,
  ScheduleFault,
} from '@crewtab/domain/ports/fire-store';
import type { Subscription } from '@crewtab/domain/ports/runtime';
import type { NotRunReason, Run, RunPlan } from '@crewtab/domain/runs/run';
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
  /** Why it is quarantined, until `retryAt`; null where it is not. */
  readonly fault: string | null;
  readonly retryAt: Date | null;
}

const SOUND = { fault: null, retryAt: null };
/** As in the real store's statements: an older instant belongs to a backlog, and waits. */
const RECENT_MS = 60_000;

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
    /** What the runs of a schedule start with; default: a plan of the run store's own. */
    private readonly planOf: (scheduleId: string) => Partial<RunPlan> = () => ({}),
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
      ...SOUND,
      ...seed,
    };
    this.schedules.set(schedule.id, schedule);
    this.changed.notify(undefined);
    return schedule;
  }

  /** As an edit of cron, timezone or enabled does; instants that the patch leaves out are unknown afterwards. */
  editSchedule(id: string, patch: Partial<FiringSchedule>): void {
    const { specVersion } = this.read(id);
    this.change(id, { nextFireAt: null, followingFireAt: null, ...SOUND, ...patch, specVersion: specVersion + 1 });
    this.changed.notify(undefined);
  }

  /** Changes a row directly: no new spec version, no notification. */
  corrupt(id: string, patch: Partial<FiringSchedule>): void {
    this.change(id, patch);
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

  async fireOne(plan: FirePlanner, { except = [], only }: FireOneOptions = {}): Promise<FiredSchedule | null> {
    await Promise.resolve();
    const schedule = this.due().find(({ id, ...rest }) =>
      only === undefined ? !except.includes(id) && this.isTried(rest) : id === only,
    );
    if (!schedule?.nextFireAt) return null;
    const { id } = schedule;
    const active = this.runsOf(id).filter(({ status }) => status === 'queued' || status === 'running');
    const { nextFireAt } = schedule;
    const found = { activeRuns: active.length, oldestActiveRunId: active[0]?.id ?? null };
    const planned = plan(
      toDue(schedule, nextFireAt, this.clock.now(), { ...found, gapFrom: this.gapBefore(id, nextFireAt) }),
    );
    if ('fault' in planned) {
      this.noteFault(schedule, planned);
      return { scheduleId: id, queued: [], skipped: 0, missed: 0, hasMore: false, fault: planned.fault };
    }
    if (planned.cancelActive) for (const run of active) this.runs.requestCancel(run.id, 'replaced');
    // A skipped row may name one that is queued for a later instant.
    const isSkipped = ({ status }: PlannedRow): number => Number(status === 'skipped');
    const inserted = planned.rows
      .toSorted((a, b) => isSkipped(a) - isSkipped(b))
      .flatMap((row) => this.insert(schedule, row));
    this.moveOn(id, planned);
    const of = (status: PlannedRow['status']): Run[] => inserted.filter((run) => run.status === status);
    return {
      scheduleId: id,
      queued: of('queued').map(toFiredRun),
      skipped: of('skipped').length,
      missed: of('missed').length,
      hasMore: planned.nextFireAt !== null && planned.nextFireAt <= this.clock.now(),
      fault: null,
    };
  }

  async quarantine(faults: readonly ScheduleFault[]): Promise<void> {
    await Promise.resolve();
    for (const fault of faults) {
      const schedule = this.schedules.get(fault.scheduleId);
      if (schedule?.enabled && schedule.specVersion === fault.specVersion) this.noteFault(schedule, fault);
    }
  }

  findUnplanned(limit: number): Promise<PlannableSchedule[]> {
    const unplanned = this.enabled().filter((schedule) => schedule.followingFireAt === null && this.isTried(schedule));
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
      this.moveOn(scheduleId, { nextFireAt, followingFireAt });
      if (basedOn === null) this.changed.notify(undefined);
    }
  }

  msUntilNextDue(): Promise<number | null> {
    const tried = this.enabled().filter((schedule) => this.isTried(schedule));
    const instants = tried.flatMap(({ nextFireAt }) => nextFireAt?.getTime() ?? []);
    return Promise.resolve(instants.length === 0 ? null : Math.min(...instants) - this.clock.now().getTime());
  }

  onScheduleChanged(listener: () => void): Promise<Subscription> {
    return Promise.resolve(this.changed.add(() => listener()));
  }

  findUnsyncedJobSchedulers(limit: number): Promise<ClockSpec[]> {
    const unsynced = [...this.schedules.values()].filter(
      ({ specVersion, clockVersion }) => specVersion !== clockVersion,
    );
    return Promise.resolve(unsynced.slice(0, limit).map(toClockSpec));
  }

  async markJobSchedulersSynced(
    synced: readonly { readonly scheduleId: string; readonly specVersion: number }[],
  ): Promise<void> {
    await Promise.resolve();
    for (const { scheduleId, specVersion } of synced) {
      const { clockVersion } = this.read(scheduleId);
      if (clockVersion < specVersion) this.change(scheduleId, { clockVersion: specVersion });
    }
  }

  countEnabled(): Promise<number> {
    return Promise.resolve(this.live().length);
  }

  listEnabledJobSchedulers(afterId: string | null, limit: number): Promise<ClockSpec[]> {
    const after = this.live().filter(({ id }) => afterId === null || id > afterId);
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

  /** Those whose job schedulers are to be there. */
  private live(): FiringSchedule[] {
    return this.enabled().filter(({ fault }) => fault === null);
  }

  private isTried({ retryAt }: Pick<FiringSchedule, 'retryAt'>): boolean {
    return retryAt === null || retryAt <= this.clock.now();
  }

  private noteFault({ id, fault: before, clockVersion }: FiringSchedule, { fault, retryAfterMs }: PlanFault): void {
    const retryAt = new Date(this.clock.now().getTime() + retryAfterMs);
    this.change(id, { fault, retryAt, clockVersion: before === null ? 0 : clockVersion });
  }

  private moveOn(id: string, instants: Pick<FiringSchedule, 'nextFireAt' | 'followingFireAt'>): void {
    const { nextFireAt, followingFireAt } = instants;
    const { fault, clockVersion } = this.read(id);
    this.change(id, { nextFireAt, followingFireAt, ...SOUND, clockVersion: fault === null ? clockVersion : 0 });
  }

  /** Those that are due just now before the late ones; in both the oldest first. */
  private due(): FiringSchedule[] {
    const now = this.clock.now().getTime();
    const at = ({ nextFireAt }: FiringSchedule): number => nextFireAt?.getTime() ?? Infinity;
    const isLate = (schedule: FiringSchedule): number => Number(at(schedule) < now - RECENT_MS);
    return this.enabled()
      .filter((schedule) => at(schedule) <= now)
      .sort((a, b) => isLate(a) - isLate(b) || at(a) - at(b));
  }

  /** Where the instant before was missed, and its gap covers this one: where that gap began. */
  private gapBefore(id: string, nextFireAt: Date): Date | null {
    const isInstant = ({ trigger }: Run): boolean => trigger === 'schedule' || trigger === 'catchup';
    const last = this.runsOf(id).findLast((run) => isInstant(run) && run.scheduledFor < nextFireAt);
    const { from = null, to } = last?.notRunReason ?? {};
    return to && to >= nextFireAt ? from : null;
  }

  /** Why it never ran, with the run in its way; null where it is queued. */
  private notRunReasonOf(id: string, { reason }: PlannedRow): NotRunReason | null {
    if (reason?.code !== 'overlap_skipped') return reason;
    const { blockedBy, ...failure } = reason;
    if (!blockedBy) return failure;
    if ('runId' in blockedBy) return { ...failure, runId: blockedBy.runId };
    const at = blockedBy.scheduledFor.getTime();
    const runId = this.runsOf(id).find(({ scheduledFor }) => scheduledFor.getTime() === at)?.id;
    return { ...failure, ...(runId !== undefined && { runId }) };
  }

  /** Empty when the instant has its run already. */
  private insert({ id, overlap }: FiringSchedule, row: PlannedRow): Run[] {
    const { scheduledFor, trigger, status } = row;
    const hasOne = this.runsOf(id).some(
      (run) =>
        (run.trigger === 'schedule' || run.trigger === 'catchup') &&
        run.scheduledFor.getTime() === scheduledFor.getTime(),
    );
    if (hasOne) return [];
    const ended =
      status === 'queued'
        ? {}
        : ({ phase: 'finished', finishedAt: this.clock.now(), notRunReason: this.notRunReasonOf(id, row) } as const);
    return [
      this.runs.addRun({
        scheduleId: id,
        scheduledFor,
        trigger,
        status,
        isExclusive: overlap !== 'allow',
        plan: this.planOf(id),
        ...ended,
      }),
    ];
  }

  private change(id: string, patch: Partial<FiringSchedule>): void {
    this.schedules.set(id, { ...this.read(id), ...patch });
  }
}

function toFiredRun({ id, scheduleId, scheduledFor }: Run): FiredRun {
  if (scheduleId === null) throw new Error(`run ${id} was not fired by a schedule`);
  return { runId: id, scheduleId, scheduledFor };
}

function toDue(
  schedule: FiringSchedule,
  nextFireAt: Date,
  now: Date,
  found: Pick<DueSchedule, 'activeRuns' | 'oldestActiveRunId' | 'gapFrom'>,
): DueSchedule {
  const { id, cron, timezone, overlap, catchUp, catchUpWindowMs } = schedule;
  return { scheduleId: id, cron, timezone, overlap, catchUp, catchUpWindowMs, nextFireAt, now, ...found };
}

function toClockSpec({ id, specVersion, enabled, fault, cron, timezone }: FiringSchedule): ClockSpec {
  return { scheduleId: id, specVersion, clock: enabled && fault === null ? { cron, timezone } : null };
}
