import type { Violation } from './checker/findings';
import { checkEvidence, type CheckReport } from './checker/check-evidence';
import { formatReport } from './checker/format-report';
import type { EvidenceFolder } from './evidence-folder';
import { historyOf } from './run-history';

export interface ChaosResult {
  readonly seed: number;
  readonly minutes: number;
  readonly folder: string;
  readonly faults: Readonly<Record<string, number>>;
  /** Kinds of faults that could not be done, and why. */
  readonly leftOut: Readonly<Record<string, string>>;
  /** Kinds of faults that were planned, and that nothing stood in the way of. */
  readonly neverDone: readonly string[];
  readonly harnessProblems: readonly string[];
  /** Processes that did not end in time after SIGTERM. */
  readonly lateToStop: readonly string[];
  /** Processes that the run had not asked to end: while they started, and when they were ready. */
  readonly endedByThemselves: { readonly atStart: number; readonly whenReady: number };
  /** Of those that were ready. */
  readonly outputTail: readonly string[];
  readonly runs: Readonly<Record<string, number>>;
  readonly errorCodes: Readonly<Record<string, number>>;
  readonly convergedAfterMs: number | null;
}

/** Runs whose history is told in full. */
const HISTORIES = 5;

/** Checks the evidence, prints the report and keeps it as report.json and report.md. @returns whether all is well. */
export async function report(
  result: ChaosResult,
  evidence: EvidenceFolder,
  log: (line: string) => void,
): Promise<boolean> {
  evidence.writeJson('report.json', result);
  log('checking the evidence');
  const checked = await checkEvidence(evidence.path);
  evidence.writeJson('report.json', { ...result, checked });
  const text = [summary(result), formatReport(checked), ...(await histories(checked, evidence.path))].join('\n\n');
  evidence.write('report.md', `# Chaos, seed ${result.seed}\n\n\`\`\`\n${text}\n\`\`\`\n`);
  console.log(`\n${text}\n`);
  const isWell = checked.isClean && result.convergedAfterMs !== null;
  // A process that ends by itself is a fault of ours, also where the others did its work in time.
  const isSteady = result.endedByThemselves.whenReady === 0 && result.lateToStop.length === 0;
  // Where an engine was asked for, every kind of fault must have been possible.
  const isComplete = process.env.CREWTAB_REQUIRE_DOCKER !== '1' || Object.keys(result.leftOut).length === 0;
  return isWell && isSteady && isComplete && result.neverDone.length === 0 && result.harnessProblems.length === 0;
}

function summary(result: ChaosResult): string {
  const perMinute = (counts: Readonly<Record<string, number>>): string =>
    (Object.values(counts).reduce((sum, count) => sum + count, 0) / result.minutes).toFixed(0);
  const { convergedAfterMs } = result;
  return [
    `seed ${result.seed}, ${result.minutes} min: ${perMinute(result.faults)} faults and ${perMinute(result.runs)} rows of runs a minute`,
    `rows of runs: ${listed(result.runs)}`,
    `why they did not succeed: ${listed(result.errorCodes)}`,
    convergedAfterMs === null
      ? '✗ not everything was over 60 s after healing'
      : `everything was over and gone ${(convergedAfterMs / 1_000).toFixed(1)} s after healing`,
    ...Object.entries(result.leftOut).map(([kind, why]) => `✗ left out: ${kind} (${why})`),
    ...result.neverDone.map((kind) => `✗ planned and never done: ${kind}`),
    `${result.endedByThemselves.atStart} starts failed and were repeated; ${result.endedByThemselves.whenReady} processes that were ready ended by themselves`,
    ...result.outputTail.map((words) => `✗ by itself: ${words}`),
    ...result.lateToStop.map((name) => `✗ ${name} did not end within 10 s of SIGTERM`),
    ...result.harnessProblems.map((problem) => `✗ the harness: ${problem}`),
  ].join('\n');
}

function listed(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
}

/** What happened to the first runs that an invariant was violated by. */
async function histories(checked: CheckReport, folder: string): Promise<string[]> {
  const violations = checked.invariants.flatMap((each): readonly Violation[] => each.violations);
  const runIds = violations.flatMap(({ subject }) => /run ([0-9a-f-]{36})/.exec(subject)?.[1] ?? []);
  return Promise.all([...new Set(runIds)].slice(0, HISTORIES).map((runId) => historyOf(runId, folder)));
}
