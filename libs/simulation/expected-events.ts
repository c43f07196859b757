import { CALL_FAULTS } from './history-plan';

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
  'manual run',
  'due at an edit',
  'failed delivery_unconfirmed',
  'failed teardown_failed',
  'failed host_lost',
  'failed output_lost',
];

/** What must have happened in a batch of a thousand histories or more; otherwise it has proved less than it says. */
export const EXPECTED_EVENTS: readonly string[] = [
  ...CALL_FAULTS.map((fault) => `fault ${fault}`),
  ...EVENTS.map((event) => `event ${event}`),
  ...HAPPENINGS,
];

/** Those that never happened. */
export function missingEvents(counts: Readonly<Record<string, number>>): string[] {
  return EXPECTED_EVENTS.filter((event) => !counts[event]);
}
