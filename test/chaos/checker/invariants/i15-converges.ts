import type { Evidence, RunRow } from '../evidence';
import { Findings, iso, type CheckResult } from '../findings';
import { isTerminal } from '../runs';

/** Without a person, from the end of the last fault, ms. */
const ALLOWED_MS = 60_000;

/**
 * I15 from healed.json (when the faults stopped, and when nothing was open any more) and from the rows after it: nothing
 * that should have ended by then is open. Runs that are long by nature (deadline ahead) may go on.
 */
export function checkConverges({ healed, faults, tables }: Evidence): CheckResult {
  const findings = new Findings();
  findings.count();
  if (healed.convergedAt === null)
    findings.violate('the system', `did not converge after the healing at ${iso(healed.healedAt)}`, healed.healedAt);
  else if (healed.convergedAt - healed.healedAt > ALLOWED_MS)
    findings.violate(
      'the system',
      `converged only ${healed.convergedAt - healed.healedAt} ms after the healing`,
      healed.convergedAt,
    );
  for (const fault of faults)
    if (fault.endedAt > healed.healedAt)
      findings.warn(`fault ${fault.kind} on ${fault.target} ended after the healing, at ${iso(fault.endedAt)}`);
  const end = healed.convergedAt ?? healed.healedAt + ALLOWED_MS;
  for (const run of tables.runs) {
    findings.count();
    const open = openObligation(run, healed.healedAt, end);
    if (open) findings.violate(`run ${run.id}`, open, run.finishedAt ?? run.deadlineAt);
  }
  return findings.result();
}

function openObligation(run: RunRow, healedAt: number, end: number): string | null {
  if (run.phase === 'finished') return null;
  if (isTerminal(run) && (run.finishedAt ?? 0) <= healedAt) return `is ${run.status} but not torn down`;
  if (!isTerminal(run) && run.deadlineAt !== null && run.deadlineAt <= healedAt)
    return `is still ${run.status} (${run.phase}) at ${iso(end)}, its deadline was ${iso(run.deadlineAt)}`;
  return null;
}
