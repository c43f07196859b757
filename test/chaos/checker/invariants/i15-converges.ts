import type { Evidence, RunRow } from '../evidence';
import { Findings, iso, type CheckResult } from '../findings';
import { isTerminal } from '../runs';

/** Without a person, from the end of the last fault, ms. */
const ALLOWED_MS = 60_000;

/**
 * I15 from healed.json (when the faults stopped, and when nothing was open any more) and from the rows after it: nothing
 * that should have ended by then is open. Runs that are long by nature (deadline ahead) may go on. From the trail: each
 * worker took a run that was asked for after the healing.
 */
export function checkConverges(evidence: Evidence): CheckResult {
  const { healed, faults, tables } = evidence;
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
    const open = pendingTeardown(run, healed.healedAt, end);
    if (open) findings.violate(`run ${run.id}`, open, run.finishedAt ?? run.deadlineAt);
  }
  checkWorkersWork(evidence, findings);
  return findings.result();
}

function checkWorkersWork({ healed: { healedAt, workers }, tables }: Evidence, findings: Findings): void {
  if (!tables.runTrail) return findings.warn('no trail of the changes of runs was kept: who takes runs was not judged');
  if (workers.length === 0) findings.warn('no workers are named: whether they take runs was not tested');
  const late = new Set(tables.runs.filter(({ queuedAt }) => queuedAt > healedAt).map(({ id }) => id));
  const takers = new Set(tables.runTrail.filter(({ runId }) => late.has(runId)).map(({ owner }) => owner));
  for (const { name, id } of workers) {
    findings.count();
    if (id === null) findings.violate(name, 'showed no heartbeat after the healing', healedAt);
    else if (!takers.has(id))
      findings.violate(name, `(${id}) took none of the ${late.size} runs after the healing`, healedAt);
  }
}

function pendingTeardown(run: RunRow, healedAt: number, end: number): string | null {
  if (run.phase === 'finished') return null;
  if (isTerminal(run) && (run.finishedAt ?? 0) <= healedAt) return `is ${run.status} but not torn down`;
  if (!isTerminal(run) && run.deadlineAt !== null && run.deadlineAt <= healedAt)
    return `is still ${run.status} (${run.phase}) at ${iso(end)}, its deadline was ${iso(run.deadlineAt)}`;
  return null;
}
