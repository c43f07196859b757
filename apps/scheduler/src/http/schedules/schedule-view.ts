import type { DurationStatsView, Include, RunMark, ScheduleView } from '@crewtab/api-contract/schedule-routes';
import { RECENT_RUNS } from '@crewtab/api-contract/schedule-routes';
import { formatDuration } from '@crewtab/domain/durations';
import type { RecentRun, ScheduleHistory } from '@crewtab/domain/ports/schedule-history';
import { summarizeDurations, type DurationStats } from '@crewtab/domain/schedules/run-durations';
import type { VerifySpec } from '@crewtab/domain/runs/verification';
import { parseCron } from '@crewtab/domain/schedules/cron';
import type { Schedule } from '@crewtab/domain/schedules/schedule';
import { describeCron } from './occurrences';

export function toScheduleView(schedule: Schedule): ScheduleView {
  return {
    id: schedule.id,
    teamId: schedule.teamId,
    name: schedule.name,
    prompt: schedule.prompt,
    promptFormat: schedule.promptFormat,
    variables: { ...schedule.variables },
    cron: schedule.cron,
    cronDescription: tryDescribe(schedule.cron),
    timezone: schedule.timezone,
    enabled: schedule.enabled,
    timeout: formatDuration(schedule.timeoutMs),
    timeoutSeconds: schedule.timeoutMs / 1_000,
    overlap: schedule.overlap,
    catchUp: schedule.catchUp,
    catchUpWindow: formatDuration(schedule.catchUpWindowMs),
    allowEmpty: schedule.allowEmpty,
    allowOpenToolCalls: schedule.allowOpenToolCalls,
    verify: toVerifyView(schedule.verify),
    artifacts: schedule.artifacts && [...schedule.artifacts],
    status: schedule.status,
    lastRunAt: schedule.lastRunAt?.toISOString() ?? null,
    nextRunAt: schedule.nextRunAt?.toISOString() ?? null,
    fault: schedule.fault && { message: schedule.fault.message, since: schedule.fault.since.toISOString() },
    revision: schedule.revision,
    note: schedule.note && { text: schedule.note.text, at: schedule.note.at.toISOString() },
    createdAt: schedule.createdAt.toISOString(),
    updatedAt: schedule.updatedAt.toISOString(),
  };
}

export function toVerifyView(verify: VerifySpec | null): ScheduleView['verify'] {
  if (!verify) return null;
  const { command, files, schema } = verify;
  return { ...(command && { command: [...command] }), ...(files && { files: [...files] }), ...(schema && { schema }) };
}

/** A stored cron that cannot be evaluated has a fault, and no words. */
function tryDescribe(cron: string): string | null {
  return parseCron(cron).ok ? describeCron(cron) : null;
}

/** Schedules of one organization, with how they have run as far as `include` asks for it: one read for all of them. */
export async function withHistory(
  history: ScheduleHistory,
  organizationId: string,
  schedules: readonly Schedule[],
  include: ReadonlySet<Include>,
): Promise<ScheduleView[]> {
  const ids = schedules.map(({ id }) => id);
  const [recent, durations] = await Promise.all([
    include.has('recent') ? history.readRecent(organizationId, ids, RECENT_RUNS) : null,
    include.has('stats') ? history.readDurations(organizationId, ids) : null,
  ]);
  return schedules.map((schedule) => ({
    ...toScheduleView(schedule),
    ...(recent && { recent: (recent.get(schedule.id) ?? []).map(toRunMark) }),
    ...(durations && { stats: toDurationStats(summarizeDurations(durations.get(schedule.id) ?? [])) }),
  }));
}

export function toRunMark({ id, status, trigger, scheduledFor, startedAt, finishedAt }: RecentRun): RunMark {
  return {
    ...{ id, status, trigger },
    scheduledFor: scheduledFor.toISOString(),
    startedAt: startedAt?.toISOString() ?? null,
    finishedAt: finishedAt?.toISOString() ?? null,
  };
}

export function toDurationStats({ n, p50Ms, p95Ms }: DurationStats): DurationStatsView {
  return { n, p50Seconds: p50Ms === null ? null : p50Ms / 1_000, p95Seconds: p95Ms === null ? null : p95Ms / 1_000 };
}
