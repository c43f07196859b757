import type { Evidence } from '../evidence';
import { Findings, iso, type CheckResult } from '../findings';
import { groupBy } from '../group-by';
import { isFired } from '../runs';
import { isSuccess } from '../schedule-edits';
import { ScheduleTimeline } from '../schedule-timeline';

/**
 * I12: after a pause or a deletion was answered, and for as long as nothing can have resumed the schedule, no row has a
 * later instant. It follows the answers alone, unlike I3, which asks whether an instant was due at all.
 */
export function checkPausedIsSilent(evidence: Evidence): CheckResult {
  const findings = new Findings();
  const bySchedule = groupBy(evidence.tables.runs.filter(isFired), ({ scheduleId }) => scheduleId);
  for (const schedule of evidence.tables.schedules) {
    const timeline = ScheduleTimeline.of(evidence, schedule);
    if (!timeline) continue;
    for (const silentFrom of silencesOf(evidence, schedule.id)) {
      findings.count();
      const until = endOfSilence(evidence, schedule.id, silentFrom);
      for (const run of bySchedule.get(schedule.id) ?? []) {
        if (run.scheduledFor <= silentFrom || run.scheduledFor >= until) continue;
        // An older resume without an answer may have come late.
        if (timeline.possibleAt(run.scheduledFor).some(({ exists, enabled }) => exists && enabled)) continue;
        findings.violate(
          `schedule ${schedule.id}`,
          `its pause or deletion was answered at ${iso(silentFrom)}, and run ${run.id} is for ${iso(run.scheduledFor)}`,
          run.scheduledFor,
        );
      }
    }
  }
  return findings.result();
}

/** When a pause or a deletion of the schedule was answered. */
function silencesOf({ requests }: Evidence, scheduleId: string): number[] {
  return requests.flatMap((request) => {
    const { method, path, answeredAt } = request;
    const isPause = method === 'POST' && path.endsWith(`/schedules/${scheduleId}/pause`);
    const isDeletion = method === 'DELETE' && path.endsWith(`/schedules/${scheduleId}`);
    return (isPause || isDeletion) && isSuccess(request) && answeredAt !== null ? [answeredAt] : [];
  });
}

/** When something was next asked for that may have resumed it. */
function endOfSilence({ requests }: Evidence, scheduleId: string, from: number): number {
  const next = requests.find(
    ({ at, method, path }) =>
      at >= from &&
      ((method === 'POST' && path.endsWith(`/schedules/${scheduleId}/resume`)) ||
        (method === 'PATCH' && path.endsWith(`/schedules/${scheduleId}`))),
  );
  return next?.at ?? Infinity;
}
