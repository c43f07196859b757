import { CALL_FAULTS, WORKERS, type CallFault, type PlanItem, type TimedEvent } from './history-plan';
import type { SeededRandom } from '../kit/random';

/** Calls that can be disturbed, with how often (at most) one of them is expected in a history. */
export const CALLS: Readonly<Record<string, number>> = {
  'store.now': 30,
  'store.installationId': 40,
  'store.claim': 6,
  'store.claimAbandoned': 30,
  'store.untilAbandoned': 30,
  'store.renewLeases': 20,
  'store.release': 1,
  'store.load': 1,
  'store.begin': 5,
  'store.saveAgent': 10,
  'store.appendMessages': 20,
  'store.permitPrompt': 5,
  'store.confirmPrompt': 5,
  'store.endWork': 3,
  'store.conclude': 5,
  'store.endCollecting': 3,
  'store.recordTeardownFailure': 1,
  'store.failTeardown': 1,
  'store.finish': 5,
  'store.lookUp': 12,
  'store.findAbandoned': 20,
  'store.findOfferable': 20,
  'store.findNextInLine': 4,
  'store.onRunControl': 4,
  'fires.firePunctual': 20,
  'fires.fireOne': 20,
  'fires.findUnplanned': 20,
  'fires.savePlanned': 2,
  'fires.quarantine': 1,
  'fires.msUntilNextDue': 8,
  'fires.onScheduleChanged': 4,
  'fires.findUnsyncedJobSchedulers': 20,
  'fires.markJobSchedulersSynced': 1,
  'fires.countEnabled': 20,
  'fires.listEnabledJobSchedulers': 1,
  'fires.withSingleWriter': 20,
  'store.noteWorker': 20,
  'store.forgetWorker': 1,
  'store.readmit': 1,
  'store.claimPendingTeardowns': 6,
  'store.noteScheduler': 20,
  'store.forgetScheduler': 1,
  'store.endLostRuns': 6,
  'delegations.openDelegation': 2,
  'delegations.permitDelegation': 2,
  'delegations.answerDelegation': 2,
  'delegations.readDelegation': 1,
  'delegations.listDelegations': 1,
  'delegations.listNotes': 1,
  'runtime.prepare': 5,
  'runtime.ensureAgent': 10,
  'runtime.putFiles': 3,
  'runtime.inspect': 3,
  'runtime.open': 10,
  'runtime.stop': 4,
  'runtime.runProgram': 2,
  'runtime.readFiles': 4,
  'runtime.teardown': 6,
  'runtime.list': 20,
  'runtime.measureDisk': 10,
  'channel.write': 30,
  'channel.endInput': 2,
  'channel.read': 40,
  'queue.offerRuns': 5,
  'queue.wakeHost': 1,
  'jobSchedulers.set': 2,
  'jobSchedulers.remove': 1,
  'jobSchedulers.count': 20,
  'jobSchedulers.list': 1,
  'toolServer.open': 2,
  'toolServer.list': 20,
  'toolServer.remove': 5,
  'egressProxy.open': 3,
  'egressProxy.list': 20,
  'egressProxy.remove': 5,
  'artifacts.put': 2,
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
interface Rare {
  /** How often it is drawn, where others are drawn once. */
  readonly share: number;
  /** Comes along with the fault, and makes a process call it. */
  readonly after?: Partial<TimedEvent> & Pick<TimedEvent, 'kind'>;
}
/** Calls that few histories make get more than their share as well. */
const RARE: Readonly<Record<string, Rare>> = {
  'store.release': { share: 1, after: { kind: 'restart' } },
  'store.forgetWorker': { share: 1, after: { kind: 'restart' } },
  'store.forgetScheduler': { share: 1, after: { kind: 'restart', process: WORKERS } },
  'store.load': { share: 3 },
  'store.endWork': { share: 3 },
  'store.endCollecting': { share: 3 },
  'runtime.putFiles': { share: 2 },
  'runtime.stop': { share: 2 },
  'runtime.runProgram': { share: 3 },
  'runtime.readFiles': { share: 2 },
  'artifacts.put': { share: 3 },
  'store.recordTeardownFailure': { share: 2, after: { kind: 'resist' } },
  'store.failTeardown': { share: 4, after: { kind: 'resist', ms: 70_000 } },
  'delegations.openDelegation': { share: 2 },
  'delegations.permitDelegation': { share: 2 },
  'delegations.answerDelegation': { share: 3 },
  'delegations.readDelegation': { share: 2 },
  'delegations.listDelegations': { share: 3, after: { kind: 'crash' } },
  'delegations.listNotes': { share: 3, after: { kind: 'crash' } },
  'runtime.inspect': { share: 2 },
  'channel.endInput': { share: 3 },
  'queue.wakeHost': { share: 3, after: { kind: 'restart' } },
  'jobSchedulers.list': { share: 1, after: { kind: 'flushRedis' } },
  'fires.listEnabledJobSchedulers': { share: 1, after: { kind: 'flushRedis' } },
  'fires.savePlanned': { share: 2 },
  'fires.quarantine': { share: 1, after: { kind: 'unknownZone' } },
};
/** Calls without an answer that their callers give up waiting for; of all others, the adapter itself does. */
const WATCHED = [
  'store.claimAbandoned',
  'store.renewLeases',
  'store.load',
  'store.begin',
  'store.permitPrompt',
  'store.confirmPrompt',
  'store.endWork',
  'store.conclude',
  'store.endCollecting',
  'store.recordTeardownFailure',
  'store.failTeardown',
  'store.finish',
  'runtime.teardown',
  'runtime.list',
  'runtime.measureDisk',
];

/** At the delicate moments; of all other calls, each fault is as likely as the next. */
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

const SHARES: Readonly<Record<string, number>> = Object.fromEntries(
  Object.keys(CALLS).map((call) => [call, RARE[call]?.share ?? 1]),
);
const FAULTS_OF = Object.fromEntries(
  Object.keys(CALLS).map((call) => {
    const isDelicate = DELICATE.includes(call);
    const faults = CALL_FAULTS.filter((fault) => isPossible(call, fault));
    return [call, Object.fromEntries(faults.map((fault) => [fault, isDelicate ? FAULT_WEIGHTS[fault] : 1]))];
  }),
) as Readonly<Record<string, Readonly<Record<CallFault, number>>>>;

/** Every fault of every call that a plan may hold, like `store.begin crashAfter`. */
export const POSSIBLE_CALL_FAULTS: readonly string[] = Object.entries(FAULTS_OF).flatMap(([call, faults]) =>
  Object.keys(faults).map((fault) => `${call} ${fault}`),
);

/** A fault of one call, and for some of the rare ones what makes a process call it. */
export function planCallFault(
  random: SeededRandom,
  planEvent: (like: NonNullable<Rare['after']>) => PlanItem,
): PlanItem[] {
  const call = random.isTrue(0.5) ? random.pick(DELICATE) : random.weighted(SHARES);
  const fault = random.weighted(FAULTS_OF[call] ?? FAULT_WEIGHTS);
  const item: PlanItem = { on: 'call', call, nth: random.int(1, CALLS[call] ?? 1), fault, ms: planMs(random, fault) };
  const after = RARE[call]?.after;
  return after ? [item, planEvent(after)] : [item];
}

function isPossible(call: string, fault: CallFault): boolean {
  // Bytes in a stream are not doubled: TCP and pipes see to that.
  if (call.startsWith('channel.') && fault === 'double') return false;
  // What a process does in a folder of its own host is not asked twice, and is not on its way once it has failed.
  if (/^(toolServer|egressProxy|artifacts)\./.test(call) && (fault === 'double' || fault === 'late')) return false;
  // What it ends is looked up first: a request that is late ends nothing that came after it.
  if (call === 'runtime.stop' && fault === 'late') return false;
  // A lock of a session ends with its connection: its answer cannot be lost alone, come too late or come twice.
  if (call === 'fires.withSingleWriter' && ['lose', 'late', 'double'].includes(fault)) return false;
  return fault !== 'never' || WATCHED.includes(call);
}

/** Short, about as long as a lease, or longer. */
function planMs(random: SeededRandom, fault: CallFault): number {
  if (fault === 'crashBefore' || fault === 'crashAfter') return random.pick([500, 4_000, 20_000, 60_000]);
  return random.pick([50, 1_500, 8_000, 14_000, 18_000, 26_000, 40_000]);
}
