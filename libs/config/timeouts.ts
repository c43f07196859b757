import type { SettingProblem, SettingValues } from './read-settings';

export interface TimeoutSettings {
  /** Where a schedule says nothing. */
  readonly defaultMs: number;
  /** The most that a schedule may ask for. */
  readonly maxMs: number;
}

export function checkTimeouts(values: SettingValues<'SCHEDULE_TIMEOUT' | 'SCHEDULE_TIMEOUT_MAX'>): SettingProblem[] {
  if (values.SCHEDULE_TIMEOUT <= values.SCHEDULE_TIMEOUT_MAX) return [];
  return [{ name: 'SCHEDULE_TIMEOUT', problem: 'must not be longer than SCHEDULE_TIMEOUT_MAX' }];
}
