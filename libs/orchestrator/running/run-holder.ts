import type { Failure } from '@crewtab/domain/errors';
import { type Claim, type WorkerIdentity, DEFAULT_LEASE_MS } from '@crewtab/domain/ports/run-store';
import type { EndedAgent, Subscription } from '@crewtab/domain/ports/runtime';
import type { Run } from '@crewtab/domain/runs/run';
import { isSettledWithin, Loop } from '../timing';
import type { OrchestratorDeps } from './orchestrator-deps';
import { RunDriver, type DriveEnd } from './run-driver';

/** Leases are renewed, and runs without a living owner looked for, at every quarter of the lease, and at least so often, ms. */
const RENEW_AT_LEAST_EVERY_MS = 2_500;
const RENEWALS_PER_LEASE = 4;
/** A worker that could not renew for this part of its lease abandons the run by itself, before another one may take over. */
const ABANDON_AFTER = 0.7;
const CHECKS_PER_LEASE = 20;
const CHECK_AT_LEAST_EVERY_MS = 500;
/** At shutdown: how long steps under way may take to come to a safe point, ms. */
const SHUTDOWN_MS = 6_000;
/** After the end of another worker's lease, and the least time between two looks, ms. */
const ADOPT_AFTER_MS = 20;
/** Runs adopted at once. */
const ADOPT_LIMIT = 100;

interface Held {
  readonly driver: RunDriver;
  /** By this process's monotonic clock: when the lease was last known to be renewed. */
  renewedAtMs: number;
}

export type TakeResult = 'taken' | 'full' | 'unavailable';

/** The runs that one worker holds: takes, adopts, renews, releases. */
export class RunHolder {
  private readonly held = new Map<string, Held>();
  private readonly drives = new Set<Promise<void>>();
  private readonly subscriptions: Subscription[] = [];
  private readonly loops: readonly Loop[];
  private cancelAdoption: () => void = () => undefined;
  private isStopping = false;
  private claiming = 0;
  private readonly leaseMs: number;
  private readonly renewEveryMs: number;
  /** Runs taken over from other workers since the start. */
  adoptedRuns = 0;

  constructor(
    private readonly deps: OrchestratorDeps,
    readonly worker: WorkerIdentity,
    private readonly capacity: number,
    /** Called at every change, and now and then without one. */
    private readonly onCapacityChange: (hasCapacity: boolean) => void = () => undefined,
    /** Called after each iteration in which the database answered: leases renewed, abandoned runs looked for. */
    private readonly onRenewed: () => void = () => undefined,
    /** Whether it may claim runs now; what it holds goes on either way. See HostPresence. */
    private readonly mayClaim: () => boolean = () => true,
  ) {
    this.leaseMs = worker.leaseMs ?? DEFAULT_LEASE_MS;
    this.renewEveryMs = Math.min(RENEW_AT_LEAST_EVERY_MS, this.leaseMs / RENEWALS_PER_LEASE);
    const { clock, logger } = deps;
    this.loops = [
      new Loop({
        clock,
        everyMs: this.renewEveryMs,
        work: () => this.tick(),
        limitMs: this.leaseMs,
        onOverdue: (afterMs) => logger.error({ afterMs }, 'renewing the leases does not come back; beginning again'),
      }),
      // A loop of its own: a renewal that hangs must not keep the worker from abandoning its runs.
      new Loop({
        clock,
        everyMs: Math.min(CHECK_AT_LEAST_EVERY_MS, this.leaseMs / CHECKS_PER_LEASE),
        work: async () => this.check(),
        onOverdue: () => undefined,
      }),
    ];
  }

  get heldRunIds(): string[] {
    return [...this.held.keys()];
  }

  /** Ends a run that takes too much of its host's disk. Nothing happens where it is not held any more. */
  noteDiskFailure(runId: string, failure: Failure): void {
    this.held.get(runId)?.driver.noteDiskFailure(failure);
  }

  get hasCapacity(): boolean {
    return !this.isStopping && this.mayClaim() && this.held.size + this.claiming < this.capacity;
  }

  async start(): Promise<void> {
    const { store, runtime } = this.deps;
    const installationId = await store.installationId();
    this.subscriptions.push(await store.onRunControl((runId) => this.noteControl(runId)));
    this.subscriptions.push(runtime.watch(installationId, (ended) => this.noteEnded(ended)));
    await this.adoptAbandoned();
    await this.awaitAbandoned();
    for (const loop of this.loops) loop.startLater();
  }

  /** Tries to take one run (new, or abandoned on this host) and begins to drive it. Idempotent; returns at once. */
  async take(runId: string): Promise<TakeResult> {
    if (this.held.has(runId)) return 'taken';
    if (!this.hasCapacity) return 'full';
    this.claiming++;
    try {
      const installationId = await this.deps.store.installationId();
      const claimedAtMs = this.deps.clock.monotonicMs();
      const run = await this.deps.store.claim(runId, this.worker);
      if (!run) return 'unavailable';
      if (!this.hold(run, installationId, claimedAtMs)) return 'full';
      return 'taken';
    } finally {
      this.claiming--;
    }
  }

  /** Takes over runs of this host whose owner is gone. Their containers stand here already, so capacity does not count. */
  async adoptAbandoned(): Promise<number> {
    if (this.isStopping || !this.mayClaim()) return 0;
    const installationId = await this.deps.store.installationId();
    const claimedAtMs = this.deps.clock.monotonicMs();
    const runs = await this.deps.store.claimAbandoned(this.worker, ADOPT_LIMIT);
    for (const run of runs) {
      this.deps.logger.warn(
        { runId: run.id, phase: run.phase, epoch: run.epoch },
        'adopting a run whose worker is gone',
      );
      this.hold(run, installationId, claimedAtMs);
    }
    return runs.length;
  }

  /** Hands every lease back without harming a run: containers go on, the next worker continues. */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.cancelAdoption();
    for (const loop of this.loops) void loop.stop();
    for (const subscription of this.subscriptions) subscription.close();
    const claims = [...this.held.values()].map(({ driver }) => driver.claim);
    for (const { driver } of this.held.values()) driver.stop('released');
    await isSettledWithin(this.deps.clock, SHUTDOWN_MS, Promise.allSettled([...this.drives]));
    await this.deps.store.release(claims);
    const runIds = claims.map((claim) => claim.runId);
    if (runIds.length > 0) await this.deps.queue.wakeHost(this.worker.host, runIds);
    this.deps.logger.info({ released: runIds.length }, 'released all runs');
  }

  /** False when the worker was told to stop while it claimed: the run goes back at once. */
  private hold(run: Run, installationId: string, claimedAtMs: number): boolean {
    if (this.isStopping) {
      void this.release({ runId: run.id, epoch: run.epoch });
      return false;
    }
    const isAdopted = run.phase !== 'queued';
    if (isAdopted) this.adoptedRuns += 1;
    const driver = new RunDriver(this.deps, { installationId, host: this.worker.host }, run, isAdopted);
    const held: Held = { driver, renewedAtMs: claimedAtMs };
    this.held.get(run.id)?.driver.stop('lost');
    this.held.set(run.id, held);
    this.onCapacityChange(this.hasCapacity);
    const drive = driver.drive().then((end) => this.noteDriveEnd(run.id, held, end));
    this.drives.add(drive);
    void drive.finally(() => this.drives.delete(drive));
    return true;
  }

  private async noteDriveEnd(runId: string, held: Held, end: DriveEnd): Promise<void> {
    if (this.held.get(runId) === held) this.held.delete(runId);
    this.onCapacityChange(this.hasCapacity);
    if (end === 'released' && !this.isStopping) await this.release(held.driver.claim);
  }

  private async release(claim: Claim): Promise<void> {
    try {
      await this.deps.store.release([claim]);
    } catch (error) {
      this.deps.logger.warn(
        { runId: claim.runId, error: String(error) },
        'could not release a run; its lease will run out',
      );
    }
  }

  private async tick(): Promise<void> {
    try {
      await this.renew();
      await this.adoptAbandoned();
      await this.awaitAbandoned();
      this.onRenewed();
    } catch (error) {
      this.deps.logger.warn(
        { error: error instanceof Error ? error.message : String(error) },
        'could not renew the leases',
      );
    }
  }

  /** Wakes when the first lease of another worker ends, where that is before the next iteration: a dead one renews no more. */
  private async awaitAbandoned(): Promise<void> {
    const untilMs = await this.deps.store.untilAbandoned(this.worker);
    this.cancelAdoption();
    if (this.isStopping || !this.mayClaim() || untilMs === null || untilMs >= this.renewEveryMs) return;
    this.cancelAdoption = this.deps.clock.after(untilMs + ADOPT_AFTER_MS, () => {
      this.adoptAbandoned()
        .then(() => this.awaitAbandoned())
        .catch((error: unknown) =>
          this.deps.logger.warn({ error: String(error) }, 'could not look for runs whose worker is gone'),
        );
    });
  }

  private async renew(): Promise<void> {
    const before = [...this.held];
    if (before.length === 0) return;
    const askedAtMs = this.deps.clock.monotonicMs();
    const renewed = await this.deps.store.renewLeases(
      this.worker,
      before.map(([, { driver }]) => driver.claim),
    );
    const byRun = new Map(renewed.map((lease) => [lease.runId, lease]));
    for (const [runId, held] of before) {
      const lease = byRun.get(runId);
      if (!lease) {
        this.abandon(runId, held);
        continue;
      }
      held.renewedAtMs = askedAtMs;
      if (lease.cancelRequestedAt) held.driver.requestCancel(lease.cancelRequestedAt, lease.cancelCode);
    }
  }

  private check(): void {
    this.abandonStale();
    // Also without a change of its own: a worker may be told that it may not claim, and then that it may.
    this.onCapacityChange(this.hasCapacity);
  }

  private abandonStale(): void {
    const nowMs = this.deps.clock.monotonicMs();
    for (const [runId, held] of this.held) {
      if (nowMs - held.renewedAtMs >= this.leaseMs * ABANDON_AFTER) {
        this.deps.logger.error({ runId }, 'could not renew the lease in time; abandoning the run');
        this.abandon(runId, held);
      } else if (held.driver.stepForMs >= this.deps.options.stepLimitMs) this.abandonHung(runId, held);
    }
  }

  /** A step hangs in spite of all limits. What it still does bears a stale epoch; a new driver looks and goes on. */
  private abandonHung(runId: string, held: Held): void {
    const { claim, stepForMs } = held.driver;
    this.deps.logger.error(
      { runId, epoch: claim.epoch, afterMs: stepForMs },
      'a step of the run does not come back; abandoning the run, to be taken up anew',
    );
    this.abandon(runId, held);
    void this.release(claim);
  }

  /** At once, also while a last call hangs: nothing of it is renewed any more, and it takes no capacity. */
  private abandon(runId: string, held: Held): void {
    held.driver.stop('lost');
    if (this.held.get(runId) !== held) return;
    this.held.delete(runId);
    this.onCapacityChange(this.hasCapacity);
  }

  /** A cancel was committed for a run: ask the store, which is the truth, at once instead of with the next renewal. */
  private noteControl(runId: string): void {
    if (!this.held.has(runId)) return;
    this.renew().catch((error: unknown) =>
      this.deps.logger.warn({ runId, error: String(error) }, 'could not look at a cancel request'),
    );
  }

  private noteEnded(ended: EndedAgent | null): void {
    if (ended) this.held.get(ended.runId)?.driver.noteEnded(ended.agent);
    else for (const { driver } of this.held.values()) driver.noteEnded(null);
  }
}
