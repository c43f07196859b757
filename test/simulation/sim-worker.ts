import { FakePromptRenderer } from '@test/fakes/fake-prompt-renderer';
import { fireDueSchedules, type FiringDeps } from '@crewtab/orchestrator/firing/fire-due-schedules';
import { HostPresence } from '@crewtab/orchestrator/hosts/host-presence';
import { OrphanReaper } from '@crewtab/orchestrator/reaping/orphan-reaper';
import { DiskWatch } from '@crewtab/orchestrator/running/disk-watch';
import { DEFAULT_ENGINE_OPTIONS } from '@crewtab/orchestrator/running/orchestrator-deps';
import { RunHolder, type TakeResult } from '@crewtab/orchestrator/running/run-holder';
import { OneAtATime, StoreClock } from '@crewtab/orchestrator/timing';
import { AcpProtocol } from '@crewtab/protocol-acp/acp-session';
import { CommandProtocol } from '@crewtab/protocol-command/command-session';
import { FakeResultChecker } from '../fakes/runtime/fake-result-checker';
import { FakeRuntime } from '../fakes/runtime/fake-runtime';
import { gated, gatedDelegations, gatedRuntime, gatedRunStore } from './gated-ports';
import { hostName, openProcess, wireFiring, type Identity } from './process-wiring';
import { STEP_LIMIT_MS, type SimProcess } from './sim-process';
import type { Consumer } from './sim-redis';
import { SIMULATED_LIMITS } from './simulated-limits';
import type { World } from './world';

/** In real workers it is a minute; short, so that some of what resists does so for longer, ms. */
const TEARDOWN_PATIENCE_MS = 15_000;
/** Shorter than many turns, so that tasks are followed by their handles. */
const TEAM_ANSWER_MS = 3_000;

/** A worker made of the product's own parts, wired as apps/worker wires them. */
export class SimWorker implements Consumer {
  readonly process: SimProcess;
  readonly host: string;
  isStopping = false;
  /** Consumes wake-ups: as the app, once it renews what it would take. */
  isConsuming = false;
  private readonly clock: StoreClock;
  private readonly runtime: FakeRuntime;
  private readonly holder: RunHolder;
  private readonly disk: DiskWatch;
  private readonly reaper: OrphanReaper;
  private readonly presence: HostPresence;
  /** What the queue was last told: no run is offered to a worker without capacity. */
  private reportedCapacity = false;
  private readonly firing: FiringDeps;

  constructor(world: World, identity: Identity, host: number) {
    this.process = openProcess(world, 'worker', identity);
    this.host = hostName(host);
    const { process } = this;
    const engine = world.engines[host];
    const toolServers = world.toolServers[host];
    const egressProxies = world.egressProxies[host];
    if (!engine || !toolServers || !egressProxies) throw new RangeError(`no host ${host}`);
    const logger = world.timeline.loggerOf(process.name);
    const isStoreCut = (): boolean => world.isCut(process, 'store');
    const watch = world.watchClaims(process.name);
    const store = gatedRunStore(process, world.store, isStoreCut, watch);
    this.clock = new StoreClock(gated(process, 'store', world.timeSource), process.clock, logger);
    this.runtime = new FakeRuntime(engine, this.host);
    process.whenGone(() => void this.runtime.close());
    const runtime = gatedRuntime(process, this.runtime, () => world.isCut(process, 'runtime'));
    const toolServer = toolServers.for(process);
    const egressProxy = egressProxies.for(process);
    const worker = { workerId: process.name, host: this.host };
    this.firing = wireFiring(world, process, this.clock, store);
    this.holder = new RunHolder(
      {
        store,
        runtime,
        protocols: { acp: new AcpProtocol({ limits: SIMULATED_LIMITS.json }), command: new CommandProtocol() },
        queue: this.firing.queue,
        delegations: gatedDelegations(process, world.delegations, watch),
        toolServer,
        presets: new Map(),
        prompts: new FakePromptRenderer(),
        largeLines: new OneAtATime(),
        egressProxy,
        resultChecker: new FakeResultChecker(),
        artifacts: gated(process, 'artifacts', world.artifacts),
        clock: this.clock,
        logger,
        options: {
          ...DEFAULT_ENGINE_OPTIONS,
          stepLimitMs: STEP_LIMIT_MS,
          teardownLimitMs: TEARDOWN_PATIENCE_MS,
          teamAnswerMs: TEAM_ANSWER_MS,
          collectLimitMs: SIMULATED_LIMITS.collectMs,
          longestLineBytes: SIMULATED_LIMITS.longestLineBytes,
          outputLimit: SIMULATED_LIMITS.outputLimit,
          messageLimit: SIMULATED_LIMITS.messageLimit,
        },
      },
      worker,
      world.plan.capacity,
      (hasCapacity) => (this.reportedCapacity = hasCapacity),
      undefined,
      () => this.presence.mayClaim,
    );
    const { clock, holder } = this;
    this.disk = new DiskWatch({ store, runtime, holder, clock, logger }, SIMULATED_LIMITS.diskBytes);
    this.reaper = new OrphanReaper({ store, runtime, toolServer, egressProxy, clock, logger });
    this.presence = new HostPresence(
      {
        hosts: gated(process, 'store', world.hosts),
        store,
        runtime,
        toolServer,
        egressProxy,
        reaper: this.reaper,
        clock,
        logger,
      },
      {
        worker,
        about: {
          hostname: this.host,
          pid: identity.slot,
          version: 'simulated',
          host: { id: this.host, runtime: 'docker', description: 'simulated' },
          capacity: world.plan.capacity,
        },
        load: () => ({ heldRuns: this.holder.heldRunIds.length, adoptedRuns: this.holder.adoptedRuns }),
        onAdmitted: () => this.takeWork(),
      },
    );
  }

  async start(): Promise<void> {
    await this.clock.start();
    await this.presence.start();
    await this.holder.start();
    this.isConsuming = true;
    this.reportedCapacity = this.holder.hasCapacity;
    this.disk.start();
    this.reaper.start();
    this.process.hasStarted = true;
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await this.holder.stop();
    await this.disk.stop();
    await this.reaper.stop();
    await this.presence.stop();
    await this.clock.stop();
  }

  breakConnections(): void {
    this.runtime.breakConnections();
  }

  hasCapacity(): boolean {
    return !this.isStopping && this.reportedCapacity;
  }

  private takeWork(): void {
    if (!this.isConsuming) return;
    this.reportedCapacity = this.holder.hasCapacity;
    this.holder.adoptAbandoned().catch(() => undefined);
  }

  take(runId: string): Promise<TakeResult> {
    return this.holder.take(runId);
  }

  adopt(): Promise<unknown> {
    return this.holder.adoptAbandoned();
  }

  tick(): Promise<unknown> {
    return fireDueSchedules(this.firing);
  }

  enter(work: () => void): void {
    this.process.enter(work);
  }
}
