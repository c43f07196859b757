import { AppError } from '@crewtab/domain/errors';
import { ScheduleDueError, type NewSchedule, type ScheduleEdit } from '@crewtab/domain/ports/management-store';
import type { Schedule } from '@crewtab/domain/schedules/schedule';
import type { HttpDeps } from '../http-deps';
import { found } from '../input/found';
import { isSameSpec, planInstants, type FireSpec } from './fire-instants';

type Deps = Pick<HttpDeps, 'schedules' | 'time' | 'clock' | 'fireBeforeEdit'>;

/** More edits of one schedule in the same milliseconds than any client makes. */
const MAX_REPAIRS = 5;
/** A backlog that takes longer than this to record is not waited for in a request, ms. */
const RECORDING_LIMIT_MS = 10_000;

/**
 * Edits a schedule so that its next instants always belong to its spec. They are computed from the schedule as it was
 * read; where another edit came between, the store's answer shows it, and they are computed again from that.
 * Instants are left alone when the spec stays the same, so that one that is due right now is not jumped over; and when
 * the spec changes, what is due by the old one is recorded first.
 */
export async function editSchedule(
  deps: Deps,
  organizationId: string,
  id: string,
  patch: Partial<NewSchedule>,
  edit: ScheduleEdit,
): Promise<Schedule> {
  return onceNothingIsDue(deps, patch.enabled === false, async () => {
    const before = found('schedule', await deps.schedules.getSchedule(organizationId, id));
    const spec = withPatch(before, patch);
    const instants = isSameSpec(before, spec) ? null : planInstants(spec, await deps.time.now());
    const edited = found('schedule', await deps.schedules.updateSchedule(organizationId, id, patch, instants, edit));
    return instants ? repairInstants(deps, organizationId, edited, spec) : edited;
  });
}

/** Pauses or resumes; does nothing when it is that way already. */
export async function setScheduleEnabled(
  deps: Deps,
  organizationId: string,
  id: string,
  enabled: boolean,
  note: string | null,
  by: string,
): Promise<Schedule> {
  return onceNothingIsDue(deps, !enabled, async () => {
    const before = found('schedule', await deps.schedules.getSchedule(organizationId, id));
    if (before.enabled === enabled) return before;
    const spec = withPatch(before, { enabled });
    const instants = planInstants(spec, await deps.time.now());
    const edited = found('schedule', await deps.schedules.setEnabled(organizationId, id, enabled, note, instants, by));
    return repairInstants(deps, organizationId, edited, spec);
  });
}

/** False when it is not there. */
export function removeSchedule(deps: Deps, organizationId: string, id: string): Promise<boolean> {
  return onceNothingIsDue(deps, true, () => deps.schedules.deleteSchedule(organizationId, id));
}

/**
 * An instant that came before the edit keeps its row, whatever the edit is: records what is due, and edits again.
 * @throws AppError `conflict` when that takes longer than a request should
 */
async function onceNothingIsDue<T>(deps: Deps, isEnding: boolean, edit: () => Promise<T>): Promise<T> {
  const giveUpAtMs = deps.clock.monotonicMs() + RECORDING_LIMIT_MS;
  for (;;) {
    try {
      return await edit();
    } catch (error) {
      if (!(error instanceof ScheduleDueError)) throw error;
      await deps.fireBeforeEdit(error.scheduleId, isEnding);
      if (deps.clock.monotonicMs() < giveUpAtMs) continue;
      throw new AppError('conflict', 'missed occurrences of the schedule are being recorded; try again in a moment');
    }
  }
}

/** Computes the instants again for as long as the stored spec is not the one that they were computed for. */
async function repairInstants(
  deps: Deps,
  organizationId: string,
  stored: Schedule,
  plannedFor: FireSpec,
): Promise<Schedule> {
  let schedule = stored;
  let spec = plannedFor;
  for (let repairs = 0; repairs < MAX_REPAIRS && !isSameSpec(schedule, spec); repairs++) {
    spec = schedule;
    const instants = planInstants(spec, await deps.time.now());
    schedule = found('schedule', await deps.schedules.updateSchedule(organizationId, schedule.id, {}, instants));
  }
  return schedule;
}

function withPatch(schedule: Schedule, patch: Partial<NewSchedule>): FireSpec {
  return {
    cron: patch.cron ?? schedule.cron,
    timezone: patch.timezone ?? schedule.timezone,
    enabled: patch.enabled ?? schedule.enabled,
  };
}
