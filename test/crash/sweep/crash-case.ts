import type { Scenario } from './scenarios';

export type Action = 'kill' | 'stop';

export interface CrashCase {
  readonly point: string;
  /** Which time of passing it counts, from 1. */
  readonly hit: number;
  readonly action: Action;
  readonly scenario: Scenario;
}
