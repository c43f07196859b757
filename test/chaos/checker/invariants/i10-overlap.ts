import type { Evidence } from '../evidence';
import { Findings, iso, type CheckResult } from '../findings';
import { groupBy } from '../group-by';

/**
 * I10 from startedAt and finishedAt, which the database wrote by its own clock: of the runs that were made under `skip`,
 * `queue` or `replace` (each run keeps that as `exclusive`), no two of a schedule were running at once. Runs made
 * before the policy was changed from `allow` may overlap and are not judged.
 */
export function checkOverlap({ tables }: Evidence): CheckResult {
  const findings = new Findings();
  const began = tables.runs.filter(({ exclusive, startedAt }) => exclusive && startedAt !== null);
  for (const [scheduleId, runs] of groupBy(began, (run) => run.scheduleId)) {
    const inOrder = runs.sort((a, b) => (a.startedAt ?? 0) - (b.startedAt ?? 0));
    let latest = inOrder[0];
    findings.count();
    for (const run of inOrder.slice(1)) {
      findings.count();
      const end = latest?.finishedAt ?? Infinity;
      if (latest && run.startedAt !== null && run.startedAt < end)
        findings.violate(
          `schedule ${scheduleId}`,
          `run ${run.id} began while run ${latest.id} was active (until ${end === Infinity ? 'now' : iso(end)})`,
          run.startedAt,
        );
      if ((run.finishedAt ?? Infinity) >= end) latest = run;
    }
  }
  return findings.result();
}
