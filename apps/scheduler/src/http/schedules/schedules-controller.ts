import { Body, Controller, Delete, Get, Headers, HttpCode, Inject, Param, Patch, Post, Query } from '@nestjs/common';
import type { NewSchedule } from '@crewtab/domain/ports/management-store';
import { OrganizationId } from '../access/organization-id';
import { API_PATH, HTTP_DEPS, type HttpDeps } from '../http-deps';
import { toPageView } from '../input/page-query';
import { parseInput, parseOptionalBody } from '../input/parse-input';
import { found, isResourceId, resourceId } from '../input/resource-id';
import { offerRun } from '../runs/start-run';
import { emptyBody, runListQuery } from '../runs/run-schemas';
import { toRunView, type RunView } from '../runs/run-view';
import { notFound, RequestRefused } from '../server/problem';
import { ReservedId } from '../server/reserved-id';
import { deleteSchedule, editSchedule, setScheduleEnabled } from './edit-schedule';
import { planInstants } from './fire-instants';
import { describeCron, describeOccurrences, type OccurrencesView } from './occurrences';
import { scheduleSchemas, type ScheduleInput } from './schedule-schemas';
import { toScheduleView, type ScheduleView } from './schedule-view';

type Deps = Pick<
  HttpDeps,
  'schedules' | 'runs' | 'queue' | 'clock' | 'time' | 'fireBeforeEdit' | 'logger' | 'settings'
>;

@Controller(`${API_PATH}/schedules`)
export class SchedulesController {
  private readonly schemas: ReturnType<typeof scheduleSchemas>;

  constructor(@Inject(HTTP_DEPS) private readonly deps: Deps) {
    this.schemas = scheduleSchemas(deps.settings);
  }

  @Post()
  async create(
    @OrganizationId() organizationId: string,
    @Body() body: unknown,
    @ReservedId() id?: string,
  ): Promise<ScheduleView> {
    const schedule = toNewSchedule(parseInput(this.schemas.create, body));
    requireTeamId(schedule.teamId);
    const instants = planInstants(schedule, await this.deps.time.now());
    const created = await this.deps.schedules.createSchedule(organizationId, schedule, instants, id);
    if (!created) throw unknownTeam();
    return toScheduleView(created);
  }

  @Get()
  async list(@OrganizationId() organizationId: string, @Query() query: unknown) {
    const { limit, cursor, ...filter } = parseInput(this.schemas.list, query);
    if (filter.teamId !== undefined && !isResourceId(filter.teamId)) return { items: [], nextCursor: null };
    return toPageView(
      await this.deps.schedules.listSchedules(organizationId, filter, { limit, cursor }),
      toScheduleView,
    );
  }

  /** Stands before `:id`, or its path would be taken for one. */
  @Get('preview')
  preview(@Query() query: unknown): OccurrencesView {
    const { cron, timezone, from, count } = parseInput(this.schemas.preview, query);
    return describeOccurrences(cron, timezone, from ?? this.deps.clock.now(), count);
  }

  @Get(':id')
  async get(@OrganizationId() organizationId: string, @Param('id') id: string): Promise<ScheduleView> {
    const scheduleId = resourceId('schedule', id);
    return toScheduleView(found('schedule', await this.deps.schedules.getSchedule(organizationId, scheduleId)));
  }

  @Patch(':id')
  async update(
    @OrganizationId() organizationId: string,
    @Param('id') id: string,
    @Body() body: unknown,
  ): Promise<ScheduleView> {
    const scheduleId = resourceId('schedule', id);
    const patch = toSchedulePatch(parseInput(this.schemas.patch, body));
    if (patch.teamId !== undefined) requireTeamId(patch.teamId);
    return toScheduleView(await editSchedule(this.deps, organizationId, scheduleId, patch));
  }

  @Delete(':id')
  @HttpCode(204)
  async delete(@OrganizationId() organizationId: string, @Param('id') id: string): Promise<void> {
    const isDeleted = await deleteSchedule(this.deps, organizationId, resourceId('schedule', id));
    if (!isDeleted) throw notFound('schedule');
  }

  @Post(':id/pause')
  @HttpCode(200)
  pause(
    @OrganizationId() organizationId: string,
    @Param('id') id: string,
    @Body() body: unknown,
  ): Promise<ScheduleView> {
    return this.setEnabled(organizationId, id, body, false);
  }

  @Post(':id/resume')
  @HttpCode(200)
  resume(
    @OrganizationId() organizationId: string,
    @Param('id') id: string,
    @Body() body: unknown,
  ): Promise<ScheduleView> {
    return this.setEnabled(organizationId, id, body, true);
  }

  @Post(':id/trigger')
  @HttpCode(202)
  async trigger(
    @OrganizationId() organizationId: string,
    @Param('id') id: string,
    @Body() body: unknown,
    @Headers('idempotency-key') requestKey?: string,
  ): Promise<RunView> {
    const scheduleId = resourceId('schedule', id);
    parseOptionalBody(emptyBody, body);
    const run = found('schedule', await this.deps.runs.createManualRun(organizationId, scheduleId, requestKey));
    await offerRun(this.deps, run);
    return toRunView(run);
  }

  @Get(':id/runs')
  async runs(@OrganizationId() organizationId: string, @Param('id') id: string, @Query() query: unknown) {
    const scheduleId = resourceId('schedule', id);
    const { limit, cursor, ...filter } = parseInput(runListQuery, query);
    const page = await this.deps.runs.listRuns(organizationId, { ...filter, scheduleId }, { limit, cursor });
    // A deleted schedule's runs stay readable; an id without either is a 404.
    if (page.items.length === 0) await this.requireSchedule(organizationId, scheduleId);
    return toPageView(page, toRunView);
  }

  /** Only what will really fire: nothing while the schedule is paused (`/preview` tells what it would be). */
  @Get(':id/upcoming')
  async upcoming(
    @OrganizationId() organizationId: string,
    @Param('id') id: string,
    @Query() query: unknown,
  ): Promise<OccurrencesView> {
    const scheduleId = resourceId('schedule', id);
    const { from, count } = parseInput(this.schemas.upcoming, query);
    const { cron, timezone, enabled } = await this.requireSchedule(organizationId, scheduleId);
    if (!enabled) return { description: describeCron(cron), timezone, occurrences: [] };
    return describeOccurrences(cron, timezone, from ?? this.deps.clock.now(), count);
  }

  private async setEnabled(organizationId: string, id: string, body: unknown, enabled: boolean): Promise<ScheduleView> {
    const scheduleId = resourceId('schedule', id);
    const { note } = parseOptionalBody(this.schemas.note, body);
    return toScheduleView(await setScheduleEnabled(this.deps, organizationId, scheduleId, enabled, note));
  }

  private async requireSchedule(organizationId: string, scheduleId: string) {
    return found('schedule', await this.deps.schedules.getSchedule(organizationId, scheduleId));
  }
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
