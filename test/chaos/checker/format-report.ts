import type { CheckReport, InvariantReport } from './check-evidence';

/** Violations of one invariant that are shown in full. */
const SHOWN = 20;

/** The report for people: one line per invariant, then every violation and warning, then the sums. */
export function formatReport(report: CheckReport): string {
  const faults = Object.entries(report.faultsByKind).sort(([, a], [, b]) => b - a);
  return [
    ...report.invariants.map(summaryOf),
    ...report.invariants.flatMap(detailsOf),
    '',
    `${report.runs} runs begun under faults (${report.rows} rows of runs), ${report.prompts} recorded prompts, ${faults.reduce((sum, [, count]) => sum + count, 0)} faults`,
    ...faults.map(([kind, count]) => `  ${String(count).padStart(6)}  ${kind}`),
    boundOf(report),
  ].join('\n');
}

function summaryOf({ invariant, text, checked, violations }: InvariantReport): string {
  const verdict = violations.length > 0 ? `✗ ${violations.length} violations` : checked === 0 ? '✗ not tested' : '✓';
  return `${invariant.padEnd(4)} ${verdict} (${checked} checked): ${text}`;
}

function detailsOf({ invariant, violations, warnings }: InvariantReport): string[] {
  return [
    ...violations.slice(0, SHOWN).map(({ at, subject, facts }) => `✗ ${invariant} ${at ?? ''} ${subject}: ${facts}`),
    ...(violations.length > SHOWN ? [`✗ ${invariant} … and ${violations.length - SHOWN} more`] : []),
    ...warnings.map((warning) => `! ${invariant} ${warning}`),
  ];
}

/** With no event in n independent trials, the rate is below 3/n with 95 % confidence (the rule of three). */
function boundOf({ runs, violations }: CheckReport): string {
  if (violations > 0 || runs === 0) return `${violations} violations`;
  return `0 violations; with 95 % confidence fewer than ${((3 / runs) * 100).toPrecision(2)} % of runs are affected (3/n)`;
}
