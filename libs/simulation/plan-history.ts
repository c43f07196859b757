import type {
  AgentConduct,
  AgentScript,
  CallFault,
  HistoryPlan,
  PlanItem,
  ScheduleScript,
  TimedEvent,
} from './history-plan';
import { SeededRandom } from './random';

const WORKERS = 3;
const START = Date.parse('2026-03-02T09:00:00.000Z');

/** Calls that can be disturbed, with how often (at most) one of them is expected in a history. */
export const CALLS: Readonly<Record<string, number>> = {
  'store.claim': 6,
  'store.claimAbandoned': 30,
  'store.renewLeases': 30,
  'store.release': 1,
  'store.load': 2,
  'store.begin': 5,
  'store.saveAgent': 10,
  'store.appendMessages': 30,
  'store.permitPrompt': 5,
  'store.confirmPrompt': 5,
  'store.conclude': 5,
  'store.recordTeardownFailure': 1,
  'store.failTeardown': 1,
  'store.finish': 5,
  'store.lookUp': 12,
  'store.findAbandoned': 20,
  'store.findOfferable': 20,
  'fires.firePunctual': 20,
  'fires.fireOne': 20,
  'fires.findUnplanned': 20,
  'fires.savePlanned': 4,
  'fires.setAside': 1,
  'fires.msUntilNextDue': 8,
  'fires.markClocksSynced': 1,
  'store.noteWorker': 20,
  'store.forgetWorker': 1,
  'store.readmit': 1,
  'store.claimObligations': 6,
  'store.noteScheduler': 20,
  'store.forgetScheduler': 1,
  'store.endLostRuns': 6,
  'delegations.openDelegation': 2,
  'delegations.permitDelegation': 2,
  'delegations.answerDelegation': 2,
  'delegations.listDelegations': 1,
  'runtime.prepare': 5,
  'runtime.ensureAgent': 10,
  'runtime.inspect': 6,
  'runtime.open': 10,
  'runtime.teardown': 6,
  'runtime.list': 20,
  'channel.write': 30,
  'channel.endInput': 2,
  'channel.read': 60,
  'queue.offerRuns': 8,
  'queue.wakeHost': 2,
  'clocks.set': 2,
  'clocks.remove': 1,
  'clocks.count': 20,
};
/** The moments at which most can go wrong get more than their share. */
const DELICATE = [
  'store.permitPrompt',
  'channel.write',
  'store.confirmPrompt',
  'store.begin',
  'store.conclude',
  'store.finish',
  'runtime.ensureAgent',
  'runtime.teardown',
  'store.claim',
];
/** Calls without an answer that a run's driver or holder gives up waiting for; of all others, the adapter itself does. */
const WATCHED = [
  'store.claimAbandoned',
  'store.renewLeases',
  'store.load',
  'store.begin',
  'store.permitPrompt',
  'store.confirmPrompt',
  'store.conclude',
  'store.recordTeardownFailure',
  'store.failTeardown',
  'store.finish',
  'runtime.teardown',
];

const FAULT_WEIGHTS: Readonly<Record<CallFault, number>> = {
  fail: 3,
  lose: 4,
  late: 3,
  stall: 2,
  stallReply: 2,
  never: 1,
  double: 2,
  crashBefore: 3,
  crashAfter: 4,
  freezeBefore: 2,
  freezeAfter: 3,
};

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
  return {
    seed,
    startAt: START + random.int(20, 50) * 1_000,
    hosts,
    workers: Array.from({ length: WORKERS }, (_, index) => (index < hosts ? index : random.int(0, hosts - 1))),
    schedulers: random.int(1, 2),
    capacity: random.int(2, 8),
    slowCalls: random.pick([0, 0.1, 0.3]),
    chaosMs,
    schedules,
    items: [
      ...Array.from({ length: faults }, () => planCallFault(random)),
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
    agents: [leader, ...workers],
  };
}

function planAgent(
  random: SeededRandom,
  name: string,
  role: AgentScript['role'],
  protocol: AgentScript['protocol'],
  teammates: number,
): AgentScript {
  const conduct = random.weighted<AgentConduct>({
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
    bootMs: random.int(0, 3_000),
    chunks: random.int(1, 6),
    chunkMs: random.pick([10, 300, 2_000, 6_000]),
    delegations: teammates === 0 ? 0 : random.int(0, 2),
    asksPermission: protocol === 'acp' && random.isTrue(0.3),
    isStubborn: random.isTrue(0.3),
  };
}

function planCallFault(random: SeededRandom): PlanItem {
  const call = random.isTrue(0.5) ? random.pick(DELICATE) : random.pick(Object.keys(CALLS));
  const drawn = random.weighted(FAULT_WEIGHTS);
  const fault = possible(call, drawn);
  return { on: 'call', call, nth: random.int(1, CALLS[call] ?? 1), fault, ms: planMs(random, fault) };
}

/** Bytes in a stream are not doubled: TCP and pipes see to that. */
function possible(call: string, fault: CallFault): CallFault {
  if (fault === 'double' && call.startsWith('channel.')) return 'lose';
  return fault === 'never' && !WATCHED.includes(call) ? 'stallReply' : fault;
}

/** Short, about as long as a lease, or longer. */
function planMs(random: SeededRandom, fault: CallFault): number {
  if (fault === 'crashBefore' || fault === 'crashAfter') return random.pick([500, 4_000, 20_000, 60_000]);
  return random.pick([50, 1_500, 8_000, 14_000, 18_000, 26_000, 40_000]);
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
