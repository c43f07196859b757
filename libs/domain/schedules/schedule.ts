import type { PromptFormat, PromptVariables } from '../runs/prompt-facts';
import type { VerifySpec } from '../runs/verification';

export type OverlapPolicy = 'allow' | 'skip' | 'queue' | 'replace';
export type CatchUpPolicy = 'none' | 'latest' | 'all';

/**
 * `running` while a run is active; otherwise `error` if the latest finished run (of those that really ran) ended in
 * `failed` or `timeout`; otherwise `idle`. A pure function of the runs, never stored.
 */
export type ScheduleStatus = 'running' | 'error' | 'idle';

export interface Schedule {
  readonly id: string;
  readonly organizationId: string;
  readonly teamId: string;
  readonly name: string;
  readonly prompt: string;
  readonly promptFormat: PromptFormat;
  readonly variables: PromptVariables;
  readonly cron: string;
  readonly timezone: string;
  readonly enabled: boolean;
  readonly timeoutMs: number;
  readonly overlap: OverlapPolicy;
  readonly catchUp: CatchUpPolicy;
  readonly catchUpWindowMs: number;
  /** Of its runs: see `RunPlan`. */
  readonly allowEmpty: boolean;
  readonly allowOpenToolCalls: boolean;
  /** Null: the leader's word is enough. */
  readonly verify: VerifySpec | null;
  /** Null: nothing is kept. */
  readonly artifacts: readonly string[] | null;
  readonly status: ScheduleStatus;
  readonly lastRunAt: Date | null;
  /** Null while the schedule is disabled. */
  readonly nextRunAt: Date | null;
  /** Why it cannot fire although it is enabled; null while all is well. */
  readonly fault: { readonly message: string; readonly since: Date } | null;
  /** Grows with every edit, pause and resume. */
  readonly revision: number;
  /** What the person who last paused or resumed it had to say; null: nothing. */
  readonly note: { readonly text: string; readonly at: Date } | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}
