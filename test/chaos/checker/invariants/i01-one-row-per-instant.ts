import type { Evidence } from '../evidence';
import { Findings, iso, type CheckResult } from '../findings';
import { groupBy } from '../group-by';
import { isFired } from '../runs';

/**
 * I1 from the rows of schedule_runs as they stand: no two fired rows share schedule and instant. Cannot see a row that
 * was made twice and removed again; nothing in the product removes runs, and I5 would show a second prompt.
 */
export function checkOneRowPerInstant({ tables }: Evidence): CheckResult {
  const findings = new Findings();
  const byInstant = groupBy(tables.runs.filter(isFired), (run) => `${run.scheduleId} ${run.scheduledFor}`);
  for (const runs of byInstant.values()) {
    findings.count();
    const [first] = runs;
    if (!first || runs.length === 1) continue;
    const ids = runs.map(({ id }) => id).join(', ');
    findings.violate(
      `schedule ${first.scheduleId}`,
      `${runs.length} rows for ${iso(first.scheduledFor)}: ${ids}`,
      first.scheduledFor,
    );
  }
  return findings.result();
}
