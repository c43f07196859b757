import type { ApiRequest, Evidence, RunRow } from '../evidence';
import { Findings, type CheckResult } from '../findings';
import { groupBy } from '../group-by';
import { isSuccess } from '../schedule-edits';
import { schedulesShownIn } from '../shown-runs';
import { areCommitsLate } from '../undisturbed-time';

/** From an instant that the database wrote to the commit that shows it, small faults of the connection included, ms. */
const COMMIT_MS = 4_000;
const REALLY_RAN: ReadonlySet<string> = new Set(['success', 'failed', 'timeout', 'cancelled']);

/**
 * I11: each status of a schedule that an answer of the API showed is computed again from the instants of its runs, for
 * every moment between the request (the first with its idempotency key, whose answer may be given again) and the answer.
 * Answers during a fault that holds up commits are left out.
 */
export function checkScheduleStatus({ requests, tables, faults }: Evidence): CheckResult {
  const findings = new Findings();
  const bySchedule = groupBy(tables.runs, ({ scheduleId }) => scheduleId);
  let left = 0;
  for (const request of requests) {
    if (!isSuccess(request) || request.answeredAt === null) continue;
    const from = firstTryOf(request, requests) - COMMIT_MS;
    for (const shown of schedulesShownIn(request.answer)) {
      if (areCommitsLate(faults, from, request.answeredAt)) {
        left++;
        continue;
      }
      findings.count();
      const possible = statusesBetween(bySchedule.get(shown.id) ?? [], from, request.answeredAt);
      if (!possible.has(shown.status))
        findings.violate(
          `schedule ${shown.id}`,
          `was shown as ${shown.status}, its runs say ${[...possible].join(' or ')}`,
          request.answeredAt,
        );
    }
  }
  findings.warnOf(left, 'shown statuses fall into a fault: not judged');
  return findings.result();
}

function firstTryOf({ idempotencyKey, at }: ApiRequest, requests: readonly ApiRequest[]): number {
  if (idempotencyKey === null) return at;
  return requests.find((request) => request.idempotencyKey === idempotencyKey)?.at ?? at;
}

function statusesBetween(runs: readonly RunRow[], from: number, to: number): Set<string> {
  const changes = runs.flatMap(({ queuedAt, finishedAt }) => [queuedAt, finishedAt ?? Infinity]);
  const moments = [from, to, ...changes.filter((at) => at > from && at <= to)];
  return new Set(moments.flatMap((at) => [statusAt(runs, at), statusAt(runs, at - 1)]));
}

function statusAt(runs: readonly RunRow[], at: number): string {
  if (runs.some(({ queuedAt, finishedAt }) => queuedAt <= at && at < (finishedAt ?? Infinity))) return 'running';
  const ended = runs.filter(
    ({ status, finishedAt }) => REALLY_RAN.has(status) && finishedAt !== null && finishedAt <= at,
  );
  const latest = ended.sort((a, b) => (b.finishedAt ?? 0) - (a.finishedAt ?? 0))[0];
  return latest && (latest.status === 'failed' || latest.status === 'timeout') ? 'error' : 'idle';
}
