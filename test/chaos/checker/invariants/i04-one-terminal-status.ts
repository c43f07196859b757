import type { Evidence, RunRow } from '../evidence';
import { Findings, iso, type CheckResult } from '../findings';
import { groupBy } from '../group-by';
import { isTerminal, TERMINAL } from '../runs';
import { runsShownIn } from '../shown-runs';
import { undisturbedMs } from '../undisturbed-time';

/** From the deadline to the terminal status: to notice, and the stop grace, ms. */
const GRACE_MS = 15_000;
/** A removal that is under way at the deadline of a success is waited for, ms. */
const REMOVAL_MS = 15_000;

/**
 * I4 from the runs as they stand, from the trail of their changes and from every run that an answer of the API ever
 * showed: a status that was once terminal is the status at the end (immutable), and it came at the latest at deadline +
 * grace, not counting time in which a fault was on or had just ended (faults.jsonl); an end that was later only by such
 * time is in a warning and not judged. Without a trail, a change that no answer showed is not seen.
 */
export function checkOneTerminalStatus(evidence: Evidence): CheckResult {
  const findings = new Findings();
  let unjudged = 0;
  for (const run of evidence.tables.runs) {
    findings.count();
    checkShape(run, findings);
    if (!checkDeadline(run, evidence, findings)) unjudged++;
  }
  findings.warnOf(unjudged, 'runs ended late in time with faults: not judged');
  checkShown(evidence, findings);
  checkTrail(evidence, findings);
  return findings.result();
}

function checkShape(run: RunRow, findings: Findings): void {
  if (isTerminal(run) === (run.finishedAt !== null)) return;
  findings.violate(`run ${run.id}`, `is ${run.status} but finishedAt is ${String(run.finishedAt)}`, run.finishedAt);
}

/** @returns false where it cannot be judged */
function checkDeadline(run: RunRow, { faults, healed }: Evidence, findings: Findings): boolean {
  if (run.deadlineAt === null) return true;
  const end = run.finishedAt ?? healed.convergedAt ?? healed.healedAt;
  const isPending = run.status === 'success' || run.errorCode === 'teardown_failed' || !isTerminal(run);
  const allowedMs = GRACE_MS + (isPending ? REMOVAL_MS : 0);
  const lateMs = undisturbedMs(faults, run.deadlineAt, end);
  if (lateMs <= allowedMs) return end - run.deadlineAt <= allowedMs;
  const words = run.finishedAt === null ? `is still ${run.status}` : `became ${run.status} only at ${iso(end)}`;
  findings.violate(
    `run ${run.id}`,
    `deadline ${iso(run.deadlineAt)}, but it ${words}: ${Math.round(lateMs)} ms of undisturbed time later`,
    run.deadlineAt,
  );
  return true;
}

function checkShown({ requests, tables }: Evidence, findings: Findings): void {
  const statuses = new Map(tables.runs.map(({ id, status }) => [id, status]));
  for (const request of requests)
    for (const shown of runsShownIn(request.answer)) {
      if (!TERMINAL.has(shown.status)) continue;
      findings.count();
      const final = statuses.get(shown.id);
      if (final !== shown.status)
        findings.violate(
          `run ${shown.id}`,
          `was shown as ${shown.status} and is ${final ?? 'gone'} in the end`,
          request.answeredAt,
        );
    }
}

function checkTrail({ tables }: Evidence, findings: Findings): void {
  if (!tables.runTrail) return findings.warn('no trail of the changes of runs was kept: immutability rests on answers');
  const terminal = tables.runTrail.filter(({ status }) => TERMINAL.has(status));
  for (const [runId, states] of groupBy(terminal, (state) => state.runId)) {
    findings.count();
    const statuses = new Set(states.map(({ status }) => status));
    if (statuses.size > 1)
      findings.violate(`run ${runId}`, `was ${[...statuses].join(', then ')}`, states.at(-1)?.at ?? null);
  }
}
