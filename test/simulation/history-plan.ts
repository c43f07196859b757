import type { CatchUpPolicy, OverlapPolicy } from '@crewtab/domain/schedules/schedule';
import type { NetworkMode } from '@crewtab/domain/teams/network';
import type { AgentProtocolName, AgentRole } from '@crewtab/domain/teams/team';

/** Workers of a history; the places of processes after theirs are those of scheduler apps. */
export const WORKERS = 3;

/**
 * What befalls one call from a process to the outside:
 * - `fail`: no effect, an error at once. `lose`: its effect, then an error instead of the reply.
 * - `late`: an error after `ms`, and the effect all the same, twice as late: the request was on its way.
 * - `stall`: nothing for `ms`, then effect and reply. `stallReply`: the effect at once, the reply after `ms`.
 * - `never`: the effect, and no reply as long as the process lives; only of calls that a limit of the engine watches over
 *   (while a process starts, only the adapter does: it gives up).
 * - `double`: the effect twice, the second reply.
 * - `crashBefore`, `crashAfter`: the process dies right before or after the effect, and is back after `ms`.
 * - `freezeBefore`, `freezeAfter`: the process stands still (SIGSTOP) for `ms`, before or after the effect.
 */
export const CALL_FAULTS = [
  'fail',
  'lose',
  'late',
  'stall',
  'stallReply',
  'never',
  'double',
  'crashBefore',
  'crashAfter',
  'freezeBefore',
  'freezeAfter',
] as const;
export type CallFault = (typeof CALL_FAULTS)[number];

/** One event that happens to the world. Taking any of them away leaves a history that is just as determined. */
export type PlanItem =
  | { readonly on: 'call'; readonly call: string; readonly nth: number; readonly fault: CallFault; readonly ms: number }
  | { readonly on: 'time'; readonly atMs: number; readonly event: TimedEvent };

export type TimedEvent =
  | { readonly kind: 'crash' | 'freeze' | 'restart'; readonly process: number; readonly ms: number }
  /** No process reaches the store, the engine of a host, or Redis; `process` null means all of them. */
  | {
      readonly kind: 'outage';
      readonly of: 'store' | 'engine' | 'redis';
      readonly process: number | null;
      readonly ms: number;
    }
  | { readonly kind: 'everythingDown'; readonly ms: number }
  /** The engines of all hosts are killed; agents go on, and what they said is lost if they end before it is back. */
  | { readonly kind: 'killEngines'; readonly ms: number }
  | { readonly kind: 'stepClock'; readonly process: number; readonly byMs: number }
  | { readonly kind: 'flushRedis' }
  | { readonly kind: 'redisTrouble'; readonly how: 'lose' | 'double' | 'delay'; readonly ms: number }
  /** `pick` chooses among what there is at that moment. */
  | { readonly kind: 'killAgent' | 'removeAgent' | 'cancel'; readonly pick: number }
  | { readonly kind: 'resist'; readonly ms: number }
  | { readonly kind: 'orphan'; readonly host: number }
  | { readonly kind: 'manualRun'; readonly schedule: number; readonly key: number; readonly times: number }
  | { readonly kind: 'pause' | 'resume' | 'delete'; readonly schedule: number }
  /** A schedule appears whose time zone the zone data of no process have. */
  | { readonly kind: 'unknownZone' }
  | { readonly kind: 'edit'; readonly schedule: number; readonly everyMinutes: number };

/** What an agent does to what its run stands on; most of it goes beyond a limit. */
export type HostileConduct =
  | 'writesLongLine'
  | 'writesLargeBatch'
  | 'writesDeepJson'
  | 'writesManyMessages'
  | 'writesMuch'
  | 'writesWithoutEnd'
  | 'fillsDisk'
  | 'delegatesLargeTasks'
  | 'delegatesManyTasks'
  | 'asksForManyHosts';

export type AgentConduct =
  | HostileConduct
  | 'works'
  | 'errs'
  | 'refuses'
  | 'hangs'
  | 'isMute'
  | 'exitsEarly'
  | 'exitsMidway'
  | 'cannotStart'
  /** Works, but answers requests before it got them. */
  | 'answersUnasked';

/** Of teams whose network is an allow-list. */
export const LISTED_HOSTS = ['api.example.com', 'git.example.com'];

/** What an agent writes into its workspace as it works. */
export const LEFT_FILE = 'report.md';
/** What a team has for the workspace of its runs. */
export const GIVEN_FILE = 'given.txt';

/** What a hostile agent does next, to hide what it did. */
export type Afterwards = 'hangs' | 'exits' | 'answers';

/** How an agent of the simulated world behaves. */
export interface AgentScript {
  readonly name: string;
  readonly role: AgentRole;
  readonly protocol: AgentProtocolName;
  readonly conduct: AgentConduct;
  /** Of a hostile one: as soon as it is up, not midway through its turn. */
  readonly strikesEarly: boolean;
  readonly afterwards: Afterwards;
  readonly bootMs: number;
  readonly chunks: number;
  readonly chunkMs: number;
  /** Tasks that a leader gives to its teammates. */
  readonly delegations: number;
  readonly asksPermission: boolean;
  /** That it connects to, one at each step of its work. */
  readonly hosts: readonly string[];
  /** Does not end at SIGTERM. */
  readonly isStubborn: boolean;
}

export interface ScheduleScript {
  readonly everyMinutes: number;
  readonly overlap: OverlapPolicy;
  readonly catchUp: CatchUpPolicy;
  readonly catchUpWindowMs: number;
  readonly timeoutMs: number;
  readonly network: NetworkMode;
  /** A command that takes so long, and whether it finds the work good; null: none. */
  readonly verify: { readonly ms: number; readonly passes: boolean } | null;
  /** Whether what its agents leave is kept. */
  readonly collects: boolean;
  /** Whether its team has a file for the workspace. */
  readonly isFilled: boolean;
  readonly agents: readonly AgentScript[];
}

/** Everything about one simulated history, determined by its seed. */
export interface HistoryPlan {
  readonly seed: number;
  /** When the world begins, ms since 1970; not at a full minute. */
  readonly startAt: number;
  readonly hosts: number;
  /** The host of each worker. */
  readonly workers: readonly number[];
  readonly schedulers: number;
  readonly capacity: number;
  /** Share of calls that take a moment. */
  readonly slowCalls: number;
  readonly chaosMs: number;
  readonly schedules: readonly ScheduleScript[];
  readonly items: readonly PlanItem[];
}
