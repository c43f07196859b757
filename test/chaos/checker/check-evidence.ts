import { INVARIANTS, type InvariantName } from '@crewtab/domain/invariants';
import type { Evidence } from './evidence';
import type { CheckResult } from './findings';
import { checkOneRowPerInstant } from './invariants/i01-one-row-per-instant';
import { checkEveryInstantHasARow } from './invariants/i02-every-instant-has-a-row';
import { checkNoRowWithoutAnInstant } from './invariants/i03-no-row-without-an-instant';
import { checkOneTerminalStatus } from './invariants/i04-one-terminal-status';
import { checkOnePromptPerRun } from './invariants/i05-one-prompt-per-run';
import { checkSuccessIsAnswered } from './invariants/i06-success-is-answered';
import { checkNoStaleEpoch } from './invariants/i07-no-stale-epoch';
import { checkNothingLeftBehind } from './invariants/i08-nothing-left-behind';
import { checkOnlyWhatIsOurs } from './invariants/i09-only-what-is-ours';
import { checkOverlap } from './invariants/i10-overlap';
import { checkScheduleStatus } from './invariants/i11-schedule-status';
import { checkPausedIsSilent } from './invariants/i12-paused-is-silent';
import { checkRecoveryHarmsNoRun } from './invariants/i13-recovery-harms-no-run';
import { checkWholeConversation } from './invariants/i14-whole-conversation';
import { checkConverges } from './invariants/i15-converges';
import { checkEveryChangeHasItsEvent } from './invariants/i16-every-change-has-its-event';
import { readEvidence } from './read-evidence';

export interface InvariantReport extends CheckResult {
  readonly invariant: InvariantName;
  readonly text: string;
}

export interface CheckReport {
  /** No violation, and nothing that was never looked at. */
  readonly isClean: boolean;
  readonly invariants: readonly InvariantReport[];
  readonly violations: number;
  /** Invariants of which the evidence held nothing to check: they passed by default, which is no proof. */
  readonly vacuous: readonly InvariantName[];
  /** All rows of runs, also of those that never began. */
  readonly rows: number;
  /** Begun before everything was healed: what the bound is for. */
  readonly runs: number;
  readonly prompts: number;
  readonly faultsByKind: Readonly<Record<string, number>>;
}

const CHECKS: Readonly<Record<InvariantName, (evidence: Evidence) => CheckResult>> = {
  I1: checkOneRowPerInstant,
  I2: checkEveryInstantHasARow,
  I3: checkNoRowWithoutAnInstant,
  I4: checkOneTerminalStatus,
  I5: checkOnePromptPerRun,
  I6: checkSuccessIsAnswered,
  I7: checkNoStaleEpoch,
  I8: checkNothingLeftBehind,
  I9: checkOnlyWhatIsOurs,
  I10: checkOverlap,
  I11: checkScheduleStatus,
  I12: checkPausedIsSilent,
  I13: checkRecoveryHarmsNoRun,
  I14: checkWholeConversation,
  I15: checkConverges,
  I16: checkEveryChangeHasItsEvent,
};

/**
 * Holds an evidence folder against all invariants, long after and far from the system that it came from. Throws when the
 * folder is not complete or not readable; a violation is not an error but a part of the report.
 */
export async function checkEvidence(folder: string): Promise<CheckReport> {
  return checkInvariants(await readEvidence(folder));
}

/** The same for evidence in memory. Pure. */
export function checkInvariants(evidence: Evidence): CheckReport {
  const ids = Object.keys(CHECKS) as InvariantName[];
  const invariants = ids.map((invariant) => ({
    invariant,
    text: INVARIANTS[invariant],
    ...CHECKS[invariant](evidence),
  }));
  const violations = invariants.reduce((sum, report) => sum + report.violations.length, 0);
  const faultsByKind: Record<string, number> = {};
  for (const { kind } of evidence.faults) faultsByKind[kind] = (faultsByKind[kind] ?? 0) + 1;
  const vacuous = invariants.filter(({ checked }) => checked === 0).map(({ invariant }) => invariant);
  return {
    isClean: violations === 0 && vacuous.length === 0,
    invariants,
    violations,
    vacuous,
    rows: evidence.tables.runs.length,
    runs: evidence.tables.runs.filter(({ startedAt }) => (startedAt ?? Infinity) < evidence.healed.healedAt).length,
    prompts: evidence.prompts.length,
    faultsByKind,
  };
}
