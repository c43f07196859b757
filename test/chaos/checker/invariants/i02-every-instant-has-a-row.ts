import { dueBetween } from '../due-calendar';
import type { Evidence, ScheduleRow } from '../evidence';
import { Findings, iso, type CheckResult } from '../findings';
import { isFired } from '../runs';
import { ScheduleTimeline } from '../schedule-timeline';

/**
 * I2 from requests.jsonl (what each schedule was, and when) and an evaluator of cron expressions of its own: every instant
 * up to the healing that was due whichever way the edits fell has a row. An instant inside the window of an edit, or after
 * an edit that was never answered, may have been due or not: those are counted in a warning, not judged.
 */
export function checkEveryInstantHasARow(evidence: Evidence): CheckResult {
  const findings = new Findings();
  const rows = new Set(evidence.tables.runs.filter(isFired).map((run) => `${run.scheduleId} ${run.scheduledFor}`));
  let undecided = 0;
  for (const schedule of evidence.tables.schedules) {
    const timeline = ScheduleTimeline.of(evidence, schedule);
    if (!timeline) {
      findings.warn(`schedule ${schedule.id} was edited but its creation is not in the evidence: not judged`);
      continue;
    }
    for (const instant of candidates(timeline, schedule, evidence)) {
      const due = timeline.dueAt(instant);
      if (due === 'perhaps') undecided++;
      if (due !== 'yes') continue;
      findings.count();
      if (!rows.has(`${schedule.id} ${instant}`))
        findings.violate(`schedule ${schedule.id}`, `no row for the due instant ${iso(instant)}`, instant);
    }
  }
  findings.warnOf(undecided, 'instants lie in the window of an edit: due or not, either is right');
  return findings.result();
}

function candidates(timeline: ScheduleTimeline, { createdAt }: ScheduleRow, { healed }: Evidence): Set<number> {
  return new Set(timeline.specs.flatMap((spec) => dueBetween(spec, createdAt, healed.healedAt)));
}
