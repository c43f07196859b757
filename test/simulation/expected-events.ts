import { CALL_FAULTS } from './history-plan';
import { POSSIBLE_CALL_FAULTS } from './plan-call-faults';
import { STRUCK } from './tally';

const EVENTS = [
  'crash',
  'freeze',
  'restart',
  'outage',
  'killEngines',
  'everythingDown',
  'stepClock',
  'flushRedis',
  'redisTrouble',
  'killAgent',
  'removeAgent',
  'cancel',
  'resist',
  'orphan',
  'manualRun',
  'pause',
  'resume',
  'delete',
  'edit',
  'unknownZone',
];

const HAPPENINGS = [
  'status success',
  'status failed',
  'status timeout',
  'status cancelled',
  'status skipped',
  'status missed',
  'success after adoption',
  'adoption',
  'replaced',
  'stale write refused',
  'orphan reaped',
  'delegation',
  'handle',
  'question',
  'answered question',
  'manual run',
  'due at an edit',
  'failed delivery_unconfirmed',
  'failed teardown_failed',
  'failed host_lost',
  'failed output_lost',
  'failed line_limit',
  'failed batch_limit',
  'failed json_limit',
  'failed message_limit',
  'failed output_limit',
  'failed disk_limit',
  'connection served',
  'verification',
  'filled workspace',
  'verified success',
  'failed verification_failed',
  'artifact',
];

/** From here on, a batch must have seen each kind of fault, operation and outcome; otherwise it has proved less than it says. */
const ENOUGH_FOR_EVENTS = 1_000;
/** From here on, every possible fault must have struck every call. */
const ENOUGH_FOR_CALL_FAULTS = 10_000;

const EXPECTED_EVENTS: readonly string[] = [
  ...CALL_FAULTS.map((fault) => `fault ${fault}`),
  ...EVENTS.map((event) => `event ${event}`),
  ...HAPPENINGS,
];

/** What should have happened in so many histories, and never did. */
export function missingEvents(histories: number, counts: Readonly<Record<string, number>>): string[] {
  const events = histories < ENOUGH_FOR_EVENTS ? [] : EXPECTED_EVENTS;
  const callFaults = histories < ENOUGH_FOR_CALL_FAULTS ? [] : POSSIBLE_CALL_FAULTS;
  return [...events.filter((event) => !counts[event]), ...callFaults.filter((pair) => !counts[STRUCK + pair])];
}

/** How many of the possible pairs of a call and a fault there were. */
export function struckCallFaults(counts: Readonly<Record<string, number>>): string {
  const struck = POSSIBLE_CALL_FAULTS.filter((pair) => counts[STRUCK + pair]);
  return `${struck.length} of ${POSSIBLE_CALL_FAULTS.length}`;
}
