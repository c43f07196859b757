import type { NewSchedule } from '@crewtab/domain/ports/management-store';
import type { Schedule } from '@crewtab/domain/schedules/schedule';
import type { HttpDeps } from '../http-deps';
import { found } from '../input/resource-id';
import { isSameSpec, planInstants, type FireSpec } from './fire-instants';

type Deps = Pick<HttpDeps, 'schedules' | 'time'>;

/** More edits of one schedule in the same milliseconds than anybody makes. */
const MAX_REPAIRS = 5;

/**
 * Edits a schedule so that its next instants always belong to its spec. They are computed from the schedule as it was
 * read; where another edit came between, the store's answer shows it, and they are computed again from that.
 * Instants are left alone when the spec stays the same, so that one that is due right now is not jumped over.
 */
export async function editSchedule(
  deps: Deps,
  organizationId: string,
  id: string,
  patch: Partial<NewSchedule>,
): Promise<Schedule> {
  const before = found('schedule', await deps.schedules.getSchedule(organizationId, id));
  const spec = withPatch(before, patch);
  const instants = isSameSpec(before, spec) ? null : planInstants(spec, await deps.time.now());
  const edited = found('schedule', await deps.schedules.updateSchedule(organizationId, id, patch, instants));
  return instants ? repairInstants(deps, organizationId, edited, spec) : edited;
}

/** Pauses or resumes; does nothing when it is that way already. */
export async function setScheduleEnabled(
  deps: Deps,
  organizationId: string,
  id: string,
  enabled: boolean,
  note: string | null,
): Promise<Schedule> {
  const before = found('schedule', await deps.schedules.getSchedule(organizationId, id));
  if (before.enabled === enabled) return before;
  const spec = withPatch(before, { enabled });
  const instants = planInstants(spec, await deps.time.now());
  const edited = found('schedule', await deps.schedules.setEnabled(organizationId, id, enabled, note, instants));
  return repairInstants(deps, organizationId, edited, spec);
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
