import type { EvidenceFolder } from './evidence-folder';

export interface ChaosResult {
  readonly seed: number;
  readonly minutes: number;
  readonly folder: string;
  readonly faults: Readonly<Record<string, number>>;
  /** Kinds of faults that could not be done, and why. */
  readonly leftOut: Readonly<Record<string, string>>;
  readonly harnessProblems: readonly string[];
  /** Processes that did not end in time after SIGTERM. */
  readonly lateToStop: readonly string[];
  readonly runs: Readonly<Record<string, number>>;
  readonly errorCodes: Readonly<Record<string, number>>;
  readonly convergedAfterMs: number | null;
}

/** Checks the evidence, prints the report and keeps it as report.json and report.md. @returns whether all is well. */
export async function report(
  result: ChaosResult,
  evidence: EvidenceFolder,
  log: (line: string) => void,
): Promise<boolean> {
  evidence.writeJson('report.json', result);
  log(JSON.stringify(result, null, 2));
  return result.convergedAfterMs !== null && result.harnessProblems.length === 0;
}
