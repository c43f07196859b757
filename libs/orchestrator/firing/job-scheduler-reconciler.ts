import type { JobScheduler } from '@crewtab/domain/ports/run-queue';
import type { ClockSpec, ScheduleFault } from '@crewtab/domain/ports/fire-store';
import { type FiringDeps, quarantine, findFault } from './fire-due-schedules';

const BATCH = 500;

/**
 * Keeps one BullMQ Job Scheduler per enabled schedule. Only one process writes at a time, and only where the spec
 * changed or Redis lost something: putting a Job Scheduler anew moves its next tick.
 */
export class JobSchedulerReconciler {
  private working: Promise<void> | null = null;
  private isAskedAgain = false;

  constructor(private readonly deps: FiringDeps) {}

  /** Brings Redis in step with Postgres; calls while one is at work share one more iteration. */
  async reconcile(): Promise<void> {
    if (this.working) {
      this.isAskedAgain = true;
      return this.working;
    }
    this.working = this.iterate().finally(() => (this.working = null));
    await this.working;
    if (this.isAskedAgain) {
      this.isAskedAgain = false;
      await this.reconcile();
    }
  }

  /** True when every enabled schedule has its Job Scheduler, as far as counts tell. */
  async isInStep(): Promise<boolean> {
    const { fires, jobSchedulers } = this.deps;
    const [unsynced, expected, actual] = await Promise.all([
      fires.findUnsyncedJobSchedulers(1),
      fires.countEnabled(),
      jobSchedulers.count(),
    ]);
    return unsynced.length === 0 && expected === actual;
  }

  private async iterate(): Promise<void> {
    await this.deps.fires.withSingleWriter('job-schedulers', async () => {
      await this.syncChanged();
      const [expected, actual] = await Promise.all([this.deps.fires.countEnabled(), this.deps.jobSchedulers.count()]);
      if (expected !== actual) await this.compareAll(expected, actual);
    });
  }

  private async syncChanged(): Promise<void> {
    for (;;) {
      const changed = await this.deps.fires.findUnsyncedJobSchedulers(BATCH);
      if (changed.length === 0) return;
      const sound = await this.withoutFaulty(changed);
      await this.deps.jobSchedulers.set(sound.flatMap(jobSchedulerOf));
      await this.deps.jobSchedulers.remove(sound.filter(({ clock }) => !clock).map(({ scheduleId }) => scheduleId));
      await this.deps.fires.markJobSchedulersSynced(sound);
    }
  }

  /** One that cannot be evaluated would make Redis refuse the whole batch: it is quarantined, and comes back without a clock. */
  private async withoutFaulty(specs: readonly ClockSpec[]): Promise<ClockSpec[]> {
    const now = this.deps.clock.now();
    const faults = specs.flatMap(({ scheduleId, specVersion, clock }): ScheduleFault[] => {
      const found = clock && findFault(clock, now);
      return found ? [{ ...found, scheduleId, specVersion }] : [];
    });
    await quarantine(this.deps, faults);
    const faulty = new Set(faults.map(({ scheduleId }) => scheduleId));
    return specs.filter(({ scheduleId }) => !faulty.has(scheduleId));
  }

  private async compareAll(expected: number, actual: number): Promise<void> {
    this.deps.logger.warn({ expected, actual }, 'job schedulers are out of step; reconciling them');
    const unknown = new Set(await this.deps.jobSchedulers.list());
    for (let after: string | null = null; ;) {
      const page: ClockSpec[] = await this.deps.fires.listEnabledJobSchedulers(after, BATCH);
      const absent = await this.withoutFaulty(page.filter(({ scheduleId }) => !unknown.has(scheduleId)));
      await this.deps.jobSchedulers.set(absent.flatMap(jobSchedulerOf));
      for (const { scheduleId } of page) unknown.delete(scheduleId);
      after = page.at(-1)?.scheduleId ?? null;
      if (page.length < BATCH) break;
    }
    await this.deps.jobSchedulers.remove([...unknown]);
  }
}

function jobSchedulerOf({ scheduleId, clock }: ClockSpec): JobScheduler[] {
  return clock ? [{ scheduleId, ...clock }] : [];
}
