import type { NetworkMode } from '@crewtab/domain/teams/network';
import {
  LISTED_HOSTS,
  WORKERS,
  type AgentConduct,
  type AgentScript,
  type HostileConduct,
  type HistoryPlan,
  type PlanItem,
  type ScheduleScript,
  type TimedEvent,
} from './history-plan';
import { planCallFault } from './plan-call-faults';
import { SeededRandom } from '../kit/random';

const START = Date.parse('2026-03-02T09:00:00.000Z');

/** The history that a seed stands for. */
export function planHistory(seed: number): HistoryPlan {
  const random = new SeededRandom(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995);
  const hosts = random.isTrue(0.4) ? 2 : 1;
  const chaosMs = random.isTrue(0.05) ? 300_000 : random.int(60, 130) * 1_000;
  const schedules = Array.from({ length: random.int(1, 4) }, () => planSchedule(random));
  const isCalm = random.isTrue(0.03);
  const intensity = random.int(1, 3);
  const faults = isCalm ? 0 : random.int(1, 4) * intensity;
  const events = isCalm ? 0 : random.int(0, 3) * intensity;
  const planLike = (like: Pick<TimedEvent, 'kind'>): PlanItem => {
    const event = { ...fillEvent(random, like.kind, hosts, schedules.length), ...like } as TimedEvent;
    return { on: 'time', atMs: random.int(0, chaosMs), event };
  };
  return {
    seed,
    startAt: START + random.int(20, 50) * 1_000,
    hosts,
    workers: Array.from({ length: WORKERS }, (_, index) => (index < hosts ? index : random.int(0, hosts - 1))),
    schedulers: random.int(1, 2),
    capacity: random.int(2, 8),
    slowCalls: random.pick([0, 0.1, 0.3]),
    chaosMs,
    schedules: schedules.map((schedule, index) => {
      const drawn = (what: string): SeededRandom => SeededRandom.named(`${what} of schedule ${index} of ${seed}`);
      const isFilled = drawn('workspace').isTrue(0.35);
      return withFinishedWork(
        drawn('finished work'),
        withNetwork(drawn('network'), withHostileAgents(drawn('hostile agents'), { ...schedule, isFilled })),
      );
    }),
    items: [
      ...Array.from({ length: faults }, () => planCallFault(random, planLike)).flat(),
      ...Array.from({ length: events }, () => planEvent(random, chaosMs, hosts, schedules.length)),
      ...Array.from({ length: random.int(0, 2) }, () => planManualRun(random, chaosMs, schedules.length)),
    ],
  };
}

function planSchedule(random: SeededRandom): ScheduleScript {
  const teammates = random.pick([0, 0, 1, 1, 2]);
  const isPlain = random.isTrue(0.25);
  const leader = planAgent(random, 'lead', 'leader', isPlain ? 'command' : 'acp', isPlain ? 0 : teammates);
  const workers = Array.from({ length: teammates }, (_, index) =>
    planAgent(random, `mate-${index + 1}`, 'worker', 'acp', 0),
  );
  return {
    everyMinutes: random.pick([1, 1, 2]),
    overlap: random.weighted({ allow: 4, skip: 2, queue: 2, replace: 2 }),
    catchUp: random.pick(['none', 'latest', 'all']),
    catchUpWindowMs: random.pick([120_000, 3_600_000]),
    timeoutMs: random.pick([20_000, 45_000, 90_000]),
    network: 'none',
    verify: null,
    collects: false,
    isFilled: false,
    agents: [leader, ...workers],
  };
}

/** Most agents that would hang do worse, and a few that would work. Drawn beside the rest, so that seeds keep what else they had. */
function withHostileAgents(random: SeededRandom, schedule: ScheduleScript): ScheduleScript {
  const agents = schedule.agents.map((agent): AgentScript => {
    const share = agent.conduct === 'hangs' ? 0.6 : agent.conduct === 'works' ? 0.05 : 0;
    return random.isTrue(share) ? withHostility(random, agent, schedule.agents.length > 1) : agent;
  });
  return { ...schedule, agents };
}

function withHostility(random: SeededRandom, agent: AgentScript, hasTeam: boolean): AgentScript {
  const isAcp = agent.protocol === 'acp';
  const hasTools = isAcp && hasTeam && agent.role === 'leader';
  const conduct = random.pick<AgentConduct>([
    ...ATTACKS_OF_ALL,
    ...(isAcp ? ATTACKS_BY_ACP : []),
    ...(hasTools ? ATTACKS_BY_TOOLS : []),
  ]);
  // What is looked at now and then, or takes its time, is not hidden by an end.
  const isAtOnce = conduct.startsWith('writes') && conduct !== 'writesWithoutEnd';
  const strikesEarly = isAtOnce && random.isTrue(0.3);
  return {
    ...agent,
    conduct,
    strikesEarly,
    afterwards: isAtOnce ? random.pick(['hangs', 'exits', 'answers']) : 'hangs',
  };
}

const ATTACKS_OF_ALL: readonly HostileConduct[] = ['writesLongLine', 'writesMuch', 'fillsDisk', 'asksForManyHosts'];
const ATTACKS_BY_ACP: readonly AgentConduct[] = [
  'writesLargeBatch',
  'writesDeepJson',
  'writesManyMessages',
  'writesWithoutEnd',
  'answersUnasked',
];
const ATTACKS_BY_TOOLS: readonly HostileConduct[] = ['delegatesLargeTasks', 'delegatesManyTasks'];

/** Half of the teams have a network, and agents that use it. */
function withNetwork(random: SeededRandom, schedule: ScheduleScript): ScheduleScript {
  const network = random.weighted<NetworkMode>({ none: 5, allowlist: 4, open: 1 });
  const hosts = random.pick([[], LISTED_HOSTS, [...LISTED_HOSTS, 'elsewhere.example.com']]);
  return { ...schedule, network, agents: schedule.agents.map((agent) => ({ ...agent, hosts })) };
}

/** A third of the schedules verify their work, and a third keep what it leaves. */
function withFinishedWork(random: SeededRandom, schedule: ScheduleScript): ScheduleScript {
  const verify = random.isTrue(0.35) ? { ms: random.pick([20, 1_000, 6_000]), passes: random.isTrue(0.8) } : null;
  return { ...schedule, verify, collects: random.isTrue(0.35) };
}

function planAgent(
  random: SeededRandom,
  name: string,
  role: AgentScript['role'],
  protocol: AgentScript['protocol'],
  teammates: number,
): AgentScript {
  const conduct = random.weighted<Exclude<AgentConduct, HostileConduct | 'answersUnasked'>>({
    works: 80,
    errs: 3,
    refuses: 2,
    hangs: 6,
    isMute: 1,
    exitsEarly: 2,
    exitsMidway: 3,
    cannotStart: 2,
  });
  return {
    name,
    role,
    protocol,
    conduct,
    strikesEarly: false,
    afterwards: 'hangs',
    bootMs: random.int(0, 3_000),
    chunks: random.int(1, 6),
    chunkMs: random.pick([10, 300, 2_000, 6_000]),
    delegations: teammates === 0 ? 0 : random.int(0, 2),
    asksPermission: protocol === 'acp' && random.isTrue(0.3),
    hosts: [],
    isStubborn: random.isTrue(0.3),
  };
}

function planEvent(random: SeededRandom, chaosMs: number, hosts: number, schedules: number): PlanItem {
  const kind = random.weighted<TimedEvent['kind']>({
    crash: 5,
    freeze: 4,
    restart: 3,
    outage: 5,
    killEngines: 6,
    everythingDown: chaosMs > 200_000 ? 10 : 1,
    stepClock: 2,
    flushRedis: 2,
    redisTrouble: 3,
    killAgent: 2,
    removeAgent: 1,
    cancel: 3,
    resist: 2,
    orphan: 2,
    manualRun: 0,
    pause: 2,
    resume: 2,
    delete: 1,
    edit: 2,
    unknownZone: 1,
  });
  return { on: 'time', atMs: random.int(0, chaosMs), event: fillEvent(random, kind, hosts, schedules) };
}

function fillEvent(random: SeededRandom, kind: TimedEvent['kind'], hosts: number, schedules: number): TimedEvent {
  const process = random.int(0, WORKERS);
  const ms = random.pick([500, 5_000, 12_000, 25_000, 70_000]);
  const schedule = random.int(0, schedules - 1);
  switch (kind) {
    case 'crash':
    case 'freeze':
    case 'restart':
      return { kind, process, ms };
    case 'outage':
      return { kind, of: random.pick(['store', 'engine', 'redis']), process: random.isTrue(0.4) ? process : null, ms };
    case 'killEngines':
      return { kind, ms: random.pick([1_500, 12_000, 40_000]) };
    case 'everythingDown':
      return { kind, ms: random.pick([30_000, 130_000, 200_000]) };
    case 'stepClock':
      return { kind, process: random.int(0, WORKERS - 1), byMs: random.pick([-3_600_000, 3_600_000]) };
    case 'flushRedis':
    case 'unknownZone':
      return { kind };
    case 'redisTrouble':
      return { kind, how: random.pick(['lose', 'double', 'delay']), ms };
    case 'killAgent':
    case 'removeAgent':
    case 'cancel':
      return { kind, pick: random.int(0, 7) };
    case 'resist':
      return { kind, ms };
    case 'orphan':
      return { kind, host: random.int(0, hosts - 1) };
    case 'manualRun':
      return { kind, schedule, key: random.int(1, 3), times: 1 };
    case 'pause':
    case 'resume':
    case 'delete':
      return { kind, schedule };
    case 'edit':
      return { kind, schedule, everyMinutes: random.int(1, 3) };
  }
}

function planManualRun(random: SeededRandom, chaosMs: number, schedules: number): PlanItem {
  const event = {
    kind: 'manualRun',
    schedule: random.int(0, schedules - 1),
    key: random.int(1, 3),
    times: random.int(1, 2),
  } as const;
  return { on: 'time', atMs: random.int(0, chaosMs), event };
}
