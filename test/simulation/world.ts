import type { TimeSource } from '@crewtab/domain/ports/clock';
import type { FakeEngine } from '../fakes/runtime/fake-engine';
import type { InMemoryArtifactStore } from '../fakes/stores/in-memory-artifact-store';
import type { InMemoryDelegationStore } from '../fakes/stores/in-memory-delegation-store';
import type { InMemoryFireStore } from '../fakes/stores/in-memory-fire-store';
import type { InMemoryRunStore } from '../fakes/stores/in-memory-run-store';
import type { ClaimWatch } from './gated-ports';
import type { HistoryPlan, ScheduleScript, TimedEvent } from './history-plan';
import type { AgentRecord } from './sim-agents';
import type { SimEgressProxy } from './sim-egress-proxy';
import type { Port, ProcessWorld, SimProcess } from './sim-process';
import type { Consumer, SimRedis } from './sim-redis';
import type { SimToolServer } from './sim-tool-server';
import type { Tally } from './tally';
import type { Timeline } from './timeline';
import type { Violations } from './violations';
import type { WitnessedHosts } from './witnessed-hosts';

/** What the parts of a simulated world know of it; SimWorld puts it together. */
export interface World extends ProcessWorld {
  readonly plan: HistoryPlan;
  readonly timeline: Timeline;
  readonly tally: Tally;
  readonly violations: Violations;
  readonly store: InMemoryRunStore;
  readonly fires: InMemoryFireStore;
  readonly hosts: WitnessedHosts;
  readonly delegations: InMemoryDelegationStore;
  readonly timeSource: TimeSource;
  readonly artifacts: InMemoryArtifactStore;
  readonly redis: SimRedis;
  readonly engines: readonly FakeEngine[];
  readonly toolServers: readonly SimToolServer[];
  readonly egressProxies: readonly SimEgressProxy[];
  readonly processes: ProcessControl;
  readonly schedules: ScheduleControl;
  readonly records: ReadonlyMap<string, AgentRecord>;
  /** Advisory locks of the database. */
  readonly locks: Map<string, SimProcess>;
  readonly installationId: string;
  nowMs(): number;
  /** Watches for writes of stale epochs (I7). */
  watchClaims(who: string): ClaimWatch;
}

export interface ProcessControl {
  consumers(): Consumer[];
  crashSlot(index: number, downMs: number): void;
  crashAll(downMs: number): void;
  freezeSlot(index: number, ms: number): void;
  restartSlot(index: number, downMs: number): void;
  stepClock(index: number, byMs: number): void;
  breakConnections(index: number | null): void;
  heal(): void;
}

export type ScheduleEvent = Extract<
  TimedEvent,
  { readonly kind: 'manualRun' | 'pause' | 'resume' | 'delete' | 'edit' }
>;

export interface ScheduleControl {
  change(event: ScheduleEvent): void;
  addUnreadable(): void;
  scriptOfSchedule(scheduleId: string): ScheduleScript | null;
}

/** True where every process is cut off from it. */
export function isCutForAll(world: Pick<World, 'isCut'>, port: Port): boolean {
  return world.isCut(NO_PROCESS, port);
}

/** Stands for those who are no process of the product: only a cut for all is a cut for them. */
const NO_PROCESS = { slot: -1 } as SimProcess;
