import type { Cost } from '../runs/usage';
import type { LocalDay } from '../schedules/local-days';

/** What agents used in runs that have ended. Reads only; what belongs to another organization is not there. */
export interface UsageStore {
  /** Sums of the runs that were due in those days, in which an agent was given a turn. */
  sumUsage(organizationId: string, request: UsageRequest): Promise<UsageReport>;
}

export const USAGE_GROUPINGS = ['schedule', 'team', 'model'] as const;
export type UsageGrouping = (typeof USAGE_GROUPINGS)[number];

export interface UsageRequest {
  readonly days: readonly LocalDay[];
  readonly by: UsageGrouping;
  /** Groups that are told apart, those with the highest cost. */
  readonly limit: number;
}

/** What is known. Null, or no cost: nothing is. */
export interface UsageSum {
  /** By model: what agents did in them, each by itself. */
  readonly runs: number;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  /** One of each currency. */
  readonly costs: readonly Cost[];
  /** Of how many of `runs` nothing is known. */
  readonly unknown: PartCounts;
  /** Of how many a part is known: the sum is at least so much. */
  readonly incomplete: PartCounts;
}

export interface PartCounts {
  readonly tokens: number;
  readonly cost: number;
}

export interface UsageGroup {
  /** Of the schedule or team; null: runs without a schedule, or a model. */
  readonly id: string | null;
  /** Null of what was deleted. */
  readonly name: string | null;
  readonly preset: string | null;
  readonly model: string | null;
  readonly total: UsageSum;
  /** By their place in the request; those without a run are left out. */
  readonly days: ReadonlyMap<number, UsageSum>;
}

export interface UsageReport {
  /** Whatever the grouping, runs are counted once. */
  readonly total: UsageSum;
  readonly days: ReadonlyMap<number, UsageSum>;
  readonly groups: readonly UsageGroup[];
  /** All other groups; null: there are none. */
  readonly others: { readonly groups: number; readonly total: UsageSum } | null;
}
