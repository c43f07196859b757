import { fakeUuid } from '../fakes/stores/stored-run';
import { isTerminal } from '@crewtab/domain/runs/run';
import type { PlanItem, TimedEvent } from './history-plan';
import type { PlannedCallFault, Port, SimProcess } from './sim-process';
import { STRUCK } from './tally';
import type { World } from './world';

interface Outage {
  readonly of: 'store' | 'engine' | 'redis';
  /** Null: all are cut off. */
  readonly slot: number | null;
  isOver: boolean;
}

/** Null: a folder of the process's own host, which no outage cuts off. */
const REACHED_BY: Readonly<Record<Port, Outage['of'] | null>> = {
  store: 'store',
  fires: 'store',
  delegations: 'store',
  runtime: 'engine',
  channel: 'engine',
  queue: 'redis',
  jobSchedulers: 'redis',
  toolServer: null,
  egressProxy: null,
  artifacts: null,
};
/** How many removals a resisting resource survives: more than are tried in any history. */
const EVER = 1_000_000;
const ORPHAN = 'lost-run-';

/** Lets the planned faults and operations happen. */
export class Faults {
  private readonly byCall = new Map<string, Map<number, PlannedCallFault>>();
  private readonly counts = new Map<string, number>();
  private outages: Outage[] = [];
  private isHealed = false;
  private calmFromMs = 0;
  private isResisting = false;
  private orphans = 0;
  private readonly hanging = new Set<() => void>();
  /** Runs whose agents were killed or removed from outside. */
  readonly harmedRuns = new Set<string>();
  /** Agents (`<run>/<name>`) that ended while their engine was down. */
  readonly unseenEnds = new Set<string>();
  /** Kinds of faults that could delay or break what the engine is asked. */
  hasDisturbedEngine = false;

  constructor(private readonly world: World) {
    for (const item of world.plan.items) this.arm(item);
  }

  /** When the last disturbance so far was over. */
  get calmSinceMs(): number {
    return this.calmFromMs;
  }

  disturb(ms: number): void {
    this.calmFromMs = Math.max(this.calmFromMs, this.world.nowMs() + ms);
  }

  hang(ms: number): Promise<void> {
    if (this.isHealed) return Promise.resolve();
    return new Promise((resolve) => {
      this.hanging.add(resolve);
      this.world.time.after(ms, () => {
        this.hanging.delete(resolve);
        resolve();
      });
    });
  }

  take(call: string): PlannedCallFault | null {
    const planned = this.byCall.get(call);
    if (!planned || this.isHealed) return null;
    const count = (this.counts.get(call) ?? 0) + 1;
    this.counts.set(call, count);
    const fault = planned.get(count);
    if (!fault) return null;
    this.world.tally.add(`fault ${fault.fault}`);
    this.world.tally.add(`${STRUCK}${call} ${fault.fault}`);
    if (REACHED_BY[call.split('.')[0] as Port] === 'engine') this.hasDisturbedEngine = true;
    return fault;
  }

  isCut(process: SimProcess, port: Port): boolean {
    if (this.outages.length === 0) return false;
    return this.outages.some(({ of, slot }) => of === REACHED_BY[port] && (slot === null || slot === process.slot));
  }

  /** Of the containers without a run that were left somewhere, those that are gone. */
  reapedOrphans(): number {
    const left = this.world.engines.flatMap(({ agents }) =>
      agents.filter(({ deployment }) => deployment.name.startsWith(ORPHAN)),
    );
    return this.orphans - left.length;
  }

  /** Everything works from now on. */
  heal(): void {
    this.isHealed = true;
    for (const outage of this.outages) outage.isOver = true;
    for (const goOn of this.hanging) goOn();
    this.outages = [];
    this.bringEnginesUp();
    this.world.redis.trouble = null;
    this.stopResisting();
    this.world.processes.heal();
    this.world.note('world', 'HEALED: no faults from here on');
    this.calmFromMs = this.world.nowMs();
  }

  private arm(item: PlanItem): void {
    if (item.on === 'call') {
      const planned = this.byCall.get(item.call) ?? new Map<number, PlannedCallFault>();
      this.byCall.set(item.call, planned.set(item.nth, { fault: item.fault, ms: item.ms }));
    } else {
      this.world.time.after(item.atMs, () => this.happen(item.event));
    }
  }

  private happen(event: TimedEvent): void {
    const { world } = this;
    world.note('world', `EVENT ${JSON.stringify(event)}`);
    world.tally.add(`event ${event.kind}`);
    switch (event.kind) {
      case 'crash':
        return world.processes.crashSlot(event.process, event.ms);
      case 'freeze':
        return world.processes.freezeSlot(event.process, event.ms);
      case 'restart':
        return world.processes.restartSlot(event.process, event.ms);
      case 'everythingDown':
        return world.processes.crashAll(event.ms);
      case 'killEngines':
        return this.killEngines(event.ms);
      case 'stepClock':
        return world.processes.stepClock(event.process, event.byMs);
      case 'outage':
        return this.cut(event.of, event.process, event.ms);
      case 'flushRedis':
        return world.redis.flush();
      case 'redisTrouble':
        return this.troubleRedis(event.how, event.ms);
      case 'killAgent':
      case 'removeAgent':
        return this.harmAgent(event.kind, event.pick);
      case 'cancel':
        return this.cancel(event.pick);
      case 'resist':
        return this.resist(event.ms);
      case 'orphan':
        return this.leaveOrphan(event.host);
      case 'unknownZone':
        return world.schedules.addUnreadable();
      default:
        return world.schedules.change(event);
    }
  }

  private cut(of: Outage['of'], slot: number | null, ms: number): void {
    const outage: Outage = { of, slot, isOver: false };
    this.outages.push(outage);
    this.disturb(ms);
    if (of === 'engine') this.hasDisturbedEngine = true;
    if (of === 'engine') this.world.processes.breakConnections(slot);
    this.world.time.after(ms, () => {
      if (outage.isOver) return;
      this.outages = this.outages.filter((other) => other !== outage);
      this.world.note('world', `the ${of} can be reached again`);
      if (of === 'engine') this.world.processes.breakConnections(slot);
    });
  }

  private killEngines(ms: number): void {
    this.cut('engine', null, ms);
    for (const engine of this.world.engines) engine.goDown();
    this.world.time.after(ms, () => this.bringEnginesUp());
  }

  private bringEnginesUp(): void {
    for (const engine of this.world.engines)
      for (const { deployment, agent } of engine.comeUp()) this.unseenEnds.add(`${deployment.runId}/${agent.name}`);
  }

  private troubleRedis(how: 'lose' | 'double' | 'delay', ms: number): void {
    this.world.redis.trouble = how;
    this.disturb(ms);
    this.world.time.after(ms, () => (this.world.redis.trouble = null));
  }

  private harmAgent(how: 'killAgent' | 'removeAgent', pick: number): void {
    const engine = this.world.engines[pick % this.world.engines.length];
    const agents = engine?.agents.filter(
      (agent) => agent.isRunning && agent.deployment.installationId === this.world.installationId,
    );
    const agent = agents?.[pick % Math.max(1, agents.length)];
    if (!engine || !agent) return;
    this.harmedRuns.add(agent.deployment.runId);
    this.world.note('an operator', `${how} ${agent.containerName}`);
    if (how === 'killAgent') agent.exit(137);
    else engine.vanish(agent);
  }

  private cancel(pick: number): void {
    const active = this.world.store.all().filter(({ status }) => !isTerminal(status));
    const run = active[pick % Math.max(1, active.length)];
    if (!run) return;
    this.world.note('a person', `cancels run ${run.id}`);
    this.world.store.requestCancel(run.id);
  }

  /** For a while nothing that exists can be removed. */
  private resist(ms: number): void {
    this.isResisting = true;
    this.hasDisturbedEngine = true;
    this.disturb(ms);
    for (const engine of this.world.engines) {
      for (const { containerName } of engine.agents) engine.resisting.set(containerName, EVER);
      for (const { name } of engine.shared) engine.resisting.set(name, EVER);
    }
    this.world.time.after(ms, () => this.stopResisting());
  }

  private stopResisting(): void {
    if (!this.isResisting) return;
    this.isResisting = false;
    for (const engine of this.world.engines) engine.resisting.clear();
  }

  /** What a crash of a worker with another database, or of an earlier life, would leave. */
  private leaveOrphan(host: number): void {
    const { installationId, time } = this.world;
    const runId = fakeUuid(++this.orphans, 9);
    const agent = {
      name: 'lost',
      image: null,
      command: null,
      env: {},
      resources: {},
      stdin: 'open' as const,
      tools: null,
    };
    const deployment = {
      installationId,
      runId,
      name: `${ORPHAN}${this.orphans}`,
      epoch: 1,
      deadlineAt: time.now(),
      network: { kind: 'open' as const, hasOwnBridge: false },
      agents: [],
    };
    this.world.engines[host]?.createAgent(deployment, agent).start();
  }
}
