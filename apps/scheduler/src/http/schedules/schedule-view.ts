import type { ScheduleView } from '@crewtab/api-contract/schedule-routes';
import { formatDuration } from '@crewtab/domain/durations';
import type { Schedule } from '@crewtab/domain/schedules/schedule';

export function toScheduleView(schedule: Schedule): ScheduleView {
  return {
    id: schedule.id,
    teamId: schedule.teamId,
    name: schedule.name,
    prompt: schedule.prompt,
    cron: schedule.cron,
    timezone: schedule.timezone,
    enabled: schedule.enabled,
    timeout: formatDuration(schedule.timeoutMs),
    timeoutSeconds: schedule.timeoutMs / 1_000,
    overlap: schedule.overlap,
    catchUp: schedule.catchUp,
    catchUpWindow: formatDuration(schedule.catchUpWindowMs),
    status: schedule.status,
    lastRunAt: schedule.lastRunAt?.toISOString() ?? null,
    nextRunAt: schedule.nextRunAt?.toISOString() ?? null,
    fault: schedule.fault && { message: schedule.fault.message, since: schedule.fault.since.toISOString() },
    createdAt: schedule.createdAt.toISOString(),
    updatedAt: schedule.updatedAt.toISOString(),
  };
}
