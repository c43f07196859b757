import { JobSchedulerReconciler } from '@crewtab/orchestrator/firing/job-scheduler-reconciler';
import { type FiringDeps, FiringTimer } from '@crewtab/orchestrator/firing/fire-due-schedules';
import { ScheduleSweeper } from '@crewtab/orchestrator/firing/schedule-sweeper';
import { LostHostDetector } from '@crewtab/orchestrator/hosts/lost-host-detector';
import { StoreClock } from '@crewtab/orchestrator/timing';
import { gated, gatedRunStore } from './gated-ports';
import { openProcess, wireFiring, type Identity } from './process-wiring';
import type { SimProcess } from './sim-process';
import type { World } from './world';

/** Short, so that some of the outages are longer, ms. */
const HOST_TIMEOUT_MS = 45_000;

/** A scheduler app without its HTTP side, made of the product's own parts, wired as apps/scheduler wires them. */
export class SimScheduler {
  readonly process: SimProcess;
  isStopping = false;
  private readonly clock: StoreClock;
  private readonly deps: FiringDeps;
  private readonly jobSchedulers: JobSchedulerReconciler;
  private readonly timer: FiringTimer;
  private readonly sweeper: ScheduleSweeper;
  private readonly hosts: LostHostDetector;

  constructor(world: World, identity: Identity) {
    this.process = openProcess(world, 'scheduler', identity);
    const { process } = this;
    const logger = world.timeline.loggerOf(process.name);
    const isStoreCut = (): boolean => world.isCut(process, 'store');
    const runs = gatedRunStore(process, world.store, isStoreCut, world.watchClaims(process.name));
    this.clock = new StoreClock(gated(process, 'store', world.timeSource), process.clock, logger);
    this.deps = wireFiring(world, process, this.clock, runs);
    this.jobSchedulers = new JobSchedulerReconciler(this.deps);
    this.timer = new FiringTimer(this.deps);
    this.sweeper = new ScheduleSweeper(this.deps, this.jobSchedulers);
    this.hosts = new LostHostDetector(
      { hosts: gated(process, 'store', world.hosts), clock: this.clock, logger },
      {
        about: { id: process.name, hostname: 'simulated', pid: identity.slot, version: 'simulated' },
        sweeper: () => this.sweeper,
        hostTimeoutMs: HOST_TIMEOUT_MS,
      },
    );
  }

  async start(): Promise<void> {
    await this.clock.start();
    await this.deps.fires.onScheduleChanged(() => void this.jobSchedulers.reconcile().catch(() => undefined));
    await this.timer.start();
    this.sweeper.start();
    this.hosts.start();
    this.process.hasStarted = true;
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await Promise.all([this.timer.stop(), this.sweeper.stop(), this.hosts.stop(), this.clock.stop()]);
  }
}
