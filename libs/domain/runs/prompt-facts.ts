/** `plain`: the prompt is what it says. `template`: it is rendered once, when the run begins. */
export type PromptFormat = 'plain' | 'template';

/** What the user sets for a schedule's template, by name. */
export type PromptVariables = Readonly<Record<string, string | number | boolean>>;

export const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;

/** The span of time that a run is about. */
export interface PromptWindow {
  readonly start: Date;
  /** The instant that the run is for. */
  readonly end: Date;
}

/** What a template may name beside the variables of its schedule. */
export interface PromptFacts {
  readonly runId: string;
  readonly scheduleName: string;
  readonly timezone: string;
  readonly window: PromptWindow;
  /** The run of the schedule that ended last; null: none yet. */
  readonly lastRun: LastRun | null;
  readonly variables: PromptVariables;
}

export interface LastRun {
  readonly status: string;
  readonly result: string | null;
  readonly finishedAt: Date;
}

/** What the store knows for a run's facts, read before it begins. */
export interface PromptRecord {
  readonly scheduleName: string;
  readonly timezone: string;
  readonly scheduleCreatedAt: Date;
  /** The end of the newest window, before this run's instant, of a run that succeeded; null: none has. */
  readonly coveredUntil: Date | null;
  /** Of a rerun: the window of its original. */
  readonly keptWindow: PromptWindow | null;
  readonly lastRun: LastRun | null;
}

/**
 * From the end of what was covered by a success to the instant of this run: a failed run widens the next window, and no day is
 * lost. The first window begins with the schedule. Runs in parallel may cover the same twice.
 */
export function windowOf(record: PromptRecord, scheduledFor: Date): PromptWindow {
  if (record.keptWindow) return record.keptWindow;
  const start = record.coveredUntil ?? record.scheduleCreatedAt;
  return { start: start < scheduledFor ? start : scheduledFor, end: scheduledFor };
}

export function factsOf(
  record: PromptRecord,
  run: { readonly id: string; readonly scheduledFor: Date; readonly variables: PromptVariables },
): PromptFacts {
  const { scheduleName, timezone, lastRun } = record;
  const window = windowOf(record, run.scheduledFor);
  return { runId: run.id, scheduleName, timezone, window, lastRun, variables: run.variables };
}
