import { Controller, Inject } from '@nestjs/common';
import { isResourceId } from '@crewtab/api-contract/fields';
import type { RunView } from '@crewtab/api-contract/run-routes';
import {
  createSchedule,
  deleteSchedule,
  getSchedule,
  getUpcoming,
  listRunsOfSchedule,
  listSchedules,
  pauseSchedule,
  previewCron,
  resetWorkspace,
  resumeSchedule,
  triggerSchedule,
  updateSchedule,
  type OccurrencesView,
  type ScheduleInput,
  type ScheduleView,
} from '@crewtab/api-contract/schedule-routes';
import { ScheduleEditedError, type NewSchedule } from '@crewtab/domain/ports/management-store';
import { Route, type RouteAnswer, type RouteInput } from '../contract/route';
import { HTTP_DEPS, type HttpDeps } from '../http-deps';
import { found } from '../input/found';
import { toRunFilter, toRunView } from '../runs/run-view';
import { offerRun } from '../runs/start-run';
import { invalidInput, notFound, RequestRefused } from '../server/problem';
import { refuseFaultyPrompt } from './check-prompt';
import { editSchedule, removeSchedule, setScheduleEnabled } from './edit-schedule';
import { planInstants } from './fire-instants';
import { requireVerifiable } from './require-verifiable';
import { describeCron, describeOccurrences } from './occurrences';
import { toScheduleView, withHistory } from './schedule-view';

type Deps = Pick<
  HttpDeps,
  | 'schedules'
  | 'teams'
  | 'history'
  | 'prompts'
  | 'runs'
  | 'queue'
  | 'clock'
  | 'time'
  | 'fireBeforeEdit'
  | 'logger'
  | 'settings'
  | 'resultChecker'
  | 'artifacts'
>;

@Controller()
export class SchedulesController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: Deps) {}

  @Route(createSchedule)
  async create({ caller, body, reservedId }: RouteInput<typeof createSchedule>): Promise<ScheduleView> {
    const schedule = toNewSchedule(body);
    requireTeamId(schedule.teamId);
    refuseFaultyPrompt(this.deps.prompts, schedule);
    await requireVerifiable(this.deps, schedule);
    await this.refuseSharedWorkspace(caller.organizationId, null, schedule);
    const instants = planInstants(schedule, await this.deps.time.now());
    const created = await this.deps.schedules.createSchedule(
      caller.organizationId,
      schedule,
      instants,
      reservedId,
      caller.keyId,
    );
    if (!created) throw unknownTeam();
    return toScheduleView(created);
  }

  @Route(listSchedules)
  async list({ caller, query }: RouteInput<typeof listSchedules>): Promise<RouteAnswer<typeof listSchedules>> {
    const { limit, cursor, include, q, ...rest } = query;
    if (rest.teamId !== undefined && !isResourceId(rest.teamId)) return { items: [], nextCursor: null };
    const filter = { ...rest, ...(q !== undefined && { name: q }) };
    const { schedules, history } = this.deps;
    const page = await schedules.listSchedules(caller.organizationId, filter, { limit, cursor });
    const items = await withHistory(history, caller.organizationId, page.items, include);
    return { items, nextCursor: page.nextCursor };
  }

  /** Stands before `:id`, or its path would be taken for one. */
  @Route(previewCron)
  preview({ query }: RouteInput<typeof previewCron>): OccurrencesView {
    const { cron, timezone, from, count } = query;
    return describeOccurrences(cron, timezone, from ?? this.deps.clock.now(), count);
  }

  @Route(getSchedule)
  async get({ caller, params, query }: RouteInput<typeof getSchedule>): Promise<ScheduleView> {
    const schedule = await this.requireSchedule(caller.organizationId, params.id);
    const [view] = await withHistory(this.deps.history, caller.organizationId, [schedule], query.include);
    return found('schedule', view ?? null);
  }

  @Route(updateSchedule)
  async update({ caller, params, headers, body }: RouteInput<typeof updateSchedule>): Promise<ScheduleView> {
    const { organizationId, keyId } = caller;
    const patch = toSchedulePatch(body);
    if (patch.teamId !== undefined) requireTeamId(patch.teamId);
    await this.refuseFaultyPatch(organizationId, params.id, patch);
    await this.refuseSharedWorkspace(organizationId, params.id, patch);
    await requireVerifiable(this.deps, patch);
    const revision = headers['If-Match'];
    try {
      const edit = { by: keyId, ...(revision !== undefined && { revision }) };
      return toScheduleView(await editSchedule(this.deps, organizationId, params.id, patch, edit));
    } catch (error) {
      if (!(error instanceof ScheduleEditedError) || revision === undefined) throw error;
      throw await this.editedMeanwhile(organizationId, params.id, revision);
    }
  }

  @Route(deleteSchedule)
  async delete({ caller, params }: RouteInput<typeof deleteSchedule>): Promise<void> {
    if (!(await removeSchedule(this.deps, caller.organizationId, params.id))) throw notFound('schedule');
  }

  @Route(pauseSchedule)
  async pause({ caller, params, body }: RouteInput<typeof pauseSchedule>): Promise<ScheduleView> {
    return toScheduleView(
      await setScheduleEnabled(this.deps, caller.organizationId, params.id, false, body.note, caller.keyId),
    );
  }

  @Route(resumeSchedule)
  async resume({ caller, params, body }: RouteInput<typeof resumeSchedule>): Promise<ScheduleView> {
    return toScheduleView(
      await setScheduleEnabled(this.deps, caller.organizationId, params.id, true, body.note, caller.keyId),
    );
  }

  @Route(triggerSchedule)
  async trigger({ caller, params, body, idempotencyKey }: RouteInput<typeof triggerSchedule>): Promise<RunView> {
    const { organizationId } = caller;
    if (body.prompt !== undefined) {
      const schedule = await this.requireSchedule(organizationId, params.id);
      refuseFaultyPrompt(this.deps.prompts, { ...schedule, prompt: body.prompt });
    }
    const made = await this.deps.runs.createManualRun(organizationId, params.id, idempotencyKey, body.prompt);
    const run = found('schedule', made);
    await offerRun(this.deps, run);
    return toRunView(run);
  }

  @Route(resetWorkspace)
  async reset({ caller, params }: RouteInput<typeof resetWorkspace>): Promise<void> {
    if (!(await this.deps.schedules.resetWorkspace(caller.organizationId, params.id))) throw notFound('schedule');
  }

  @Route(listRunsOfSchedule)
  async runs(input: RouteInput<typeof listRunsOfSchedule>): Promise<RouteAnswer<typeof listRunsOfSchedule>> {
    const { limit, cursor, sort, ...query } = input.query;
    const { organizationId } = input.caller;
    const scheduleId = input.params.id;
    const filter = { ...toRunFilter(query), scheduleId };
    const page = await this.deps.runs.listRuns(organizationId, filter, { limit, cursor, ...(sort && { sort }) });
    // A deleted schedule's runs stay readable; an id without either is a 404.
    if (page.items.length === 0) await this.requireSchedule(organizationId, scheduleId);
    return { items: page.items.map(toRunView), nextCursor: page.nextCursor };
  }

  /** Only what will really fire: nothing while the schedule is paused (`/preview` tells what it would be). */
  @Route(getUpcoming)
  async upcoming({ caller, params, query }: RouteInput<typeof getUpcoming>): Promise<OccurrencesView> {
    const { cron, timezone, enabled } = await this.requireSchedule(caller.organizationId, params.id);
    if (!enabled) return { description: describeCron(cron), timezone, occurrences: [] };
    return describeOccurrences(cron, timezone, query.from ?? this.deps.clock.now(), query.count);
  }

  /** With what others changed since the revision, so that a form can be merged field by field. */
  private async editedMeanwhile(organizationId: string, id: string, since: number): Promise<RequestRefused> {
    const view = toScheduleView(await this.requireSchedule(organizationId, id));
    const count = Math.max(1, view.revision - since);
    const revisions = await this.deps.history.readRevisions(organizationId, id, Math.min(count, MAX_MERGED));
    const known = new Set(revisions.flatMap(({ changed }) => changed.map(toViewField)));
    // Of an older edit, or one of the future, there is no telling what it was made from.
    const isKnown = since > 0 && count <= MAX_MERGED && since < view.revision;
    const fields = Object.entries(view).filter(([name]) => (isKnown ? known.has(name) : EDITABLE.has(name)));
    return new RequestRefused('edited_meanwhile', `the schedule is at revision ${view.revision}, not ${since}`, {
      edited: { revision: view.revision, fields: Object.fromEntries(fields) },
    });
  }

  /** A template must fit its variables, whichever of them is edited. */
  private async refuseFaultyPatch(organizationId: string, id: string, patch: Partial<NewSchedule>): Promise<void> {
    const { prompt, promptFormat, variables } = patch;
    if (prompt === undefined && promptFormat === undefined && variables === undefined) return;
    const schedule = await this.requireSchedule(organizationId, id);
    refuseFaultyPrompt(this.deps.prompts, {
      prompt: prompt ?? schedule.prompt,
      promptFormat: promptFormat ?? schedule.promptFormat,
      variables: variables ?? schedule.variables,
    });
  }

  /** Two runs at a time must not have one workspace. */
  private async refuseSharedWorkspace(
    organizationId: string,
    id: string | null,
    { teamId, overlap }: Partial<NewSchedule>,
  ): Promise<void> {
    if (teamId === undefined && overlap === undefined) return;
    const present = id === null ? null : await this.requireSchedule(organizationId, id);
    const team = await this.deps.teams.getTeam(organizationId, teamId ?? present?.teamId ?? '');
    const policy = overlap ?? present?.overlap;
    if (!team?.workspace?.persist || policy !== 'allow') return;
    const message = `cannot be "allow": the team "${team.name}" keeps its workspace between runs, which two at a time would spoil; take skip, queue or replace`;
    throw invalidInput([{ path: 'overlap', message }]);
  }

  private async requireSchedule(organizationId: string, scheduleId: string) {
    return found('schedule', await this.deps.schedules.getSchedule(organizationId, scheduleId));
  }
}

/** So many edits ago what changed since is told; before that, all fields are. */
const MAX_MERGED = 200;
const EDITABLE: ReadonlySet<string> = new Set([
  ...['teamId', 'name', 'prompt', 'cron', 'timezone', 'enabled', 'timeout', 'overlap', 'catchUp', 'catchUpWindow'],
  ...['promptFormat', 'variables', 'verify', 'artifacts'],
]);

/** By the name that it has in the API. */
function toViewField(field: keyof NewSchedule): string {
  if (field === 'timeoutMs') return 'timeout';
  return field === 'catchUpWindowMs' ? 'catchUpWindow' : field;
}

function toNewSchedule({ timeout, catchUpWindow, ...rest }: ScheduleInput): NewSchedule {
  return { ...rest, timeoutMs: timeout, catchUpWindowMs: catchUpWindow };
}

function toSchedulePatch({ timeout, catchUpWindow, ...rest }: Partial<ScheduleInput>): Partial<NewSchedule> {
  return {
    ...rest,
    ...(timeout === undefined ? {} : { timeoutMs: timeout }),
    ...(catchUpWindow === undefined ? {} : { catchUpWindowMs: catchUpWindow }),
  };
}

function requireTeamId(teamId: string): void {
  if (!isResourceId(teamId)) throw unknownTeam();
}

/** 404, as for every id of another organization, with the field that holds it. */
function unknownTeam(): RequestRefused {
  return new RequestRefused('not_found', 'teamId: there is no such team', {
    errors: [{ path: 'teamId', message: 'there is no such team' }],
  });
}
