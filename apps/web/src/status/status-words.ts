import type { RunView } from '@crewtab/api-contract/run-routes';
import { STATUS_WORDS, TRIGGER_WORDS } from '@crewtab/words/run-words';

export type RunStatus = RunView['status'];
export type RunTrigger = RunView['trigger'];

export const STATUSES = Object.keys(STATUS_WORDS) as RunStatus[];
export const TRIGGERS = Object.keys(TRIGGER_WORDS) as RunTrigger[];

/** A run without a schedule tries its team. */
export function triggerWord({ trigger, scheduleId }: Pick<RunView, 'trigger' | 'scheduleId'>): string {
  return scheduleId === null && trigger === 'manual' ? 'try' : TRIGGER_WORDS[trigger];
}
