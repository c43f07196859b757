import type { ApiRequest, Evidence, RunRow } from '../evidence';
import { Findings, iso, type CheckResult } from '../findings';
import { groupBy } from '../group-by';
import { isFired } from '../runs';
import { asObject, isSuccess } from '../schedule-edits';
import { ScheduleTimeline } from '../schedule-timeline';

/**
 * I3 in two halves. A fired row's instant must have been due in at least one way that the edits can have fallen. A manual
 * run or a rerun must come from a request in requests.jsonl, by its idempotency key or by the answer, and no key may have
 * led to two runs or to two different answers.
 */
export function checkNoRowWithoutAnInstant(evidence: Evidence): CheckResult {
  const findings = new Findings();
  checkFired(evidence, findings);
  checkAskedFor(evidence, findings);
  return findings.result();
}

function checkFired(evidence: Evidence, findings: Findings): void {
  const bySchedule = groupBy(evidence.tables.runs.filter(isFired), ({ scheduleId }) => scheduleId);
  for (const schedule of evidence.tables.schedules) {
    const runs = bySchedule.get(schedule.id) ?? [];
    const timeline = ScheduleTimeline.of(evidence, schedule);
    if (!timeline) {
      findings.warn(`schedule ${schedule.id} was edited but its creation is not in the evidence: not judged`);
      continue;
    }
    for (const run of runs) {
      findings.count();
      if (timeline.dueAt(run.scheduledFor) !== 'no') continue;
      findings.violate(
        `run ${run.id}`,
        `${run.status} for ${iso(run.scheduledFor)}, which was not due for schedule ${schedule.id}`,
        run.scheduledFor,
      );
    }
  }
}

function checkAskedFor({ requests, tables }: Evidence, findings: Findings): void {
  const asking = requests.filter(({ method, path }) => method === 'POST' && /\/(trigger|rerun)$/.test(path));
  const askedFor = tables.runs.filter((run) => !isFired(run));
  for (const run of askedFor) {
    findings.count();
    if (!asking.some((request) => isFrom(run, request)))
      findings.violate(`run ${run.id}`, `a ${run.trigger} run that no request asked for`, run.queuedAt);
  }
  for (const [key, runs] of groupBy(askedFor, ({ requestKey }) => requestKey))
    if (runs.length > 1)
      findings.violate(`request ${key}`, `led to ${runs.length} runs: ${runs.map(({ id }) => id).join(', ')}`);
  checkAnswers(asking, tables.runs, findings);
}

function isFrom(run: RunRow, { idempotencyKey, answer }: ApiRequest): boolean {
  return (run.requestKey !== null && run.requestKey === idempotencyKey) || asObject(answer)['id'] === run.id;
}

/** What was answered is there, and one key was never answered with two runs. */
function checkAnswers(asking: readonly ApiRequest[], runs: readonly RunRow[], findings: Findings): void {
  const known = new Set(runs.map(({ id }) => id));
  for (const [key, requests] of groupBy(asking.filter(isSuccess), ({ idempotencyKey }) => idempotencyKey)) {
    const answered = new Set(requests.map(({ answer }) => asObject(answer)['id']));
    if (answered.size > 1)
      findings.violate(`request ${key}`, `was answered with different runs: ${[...answered].join(', ')}`);
  }
  for (const request of asking.filter(isSuccess)) {
    findings.count();
    const { id } = asObject(request.answer);
    if (typeof id !== 'string' || !known.has(id))
      findings.violate(
        `request ${request.path}`,
        `was answered with run ${String(id)}, which is not there`,
        request.at,
      );
  }
}
