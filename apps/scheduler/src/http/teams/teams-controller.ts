import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Query } from '@nestjs/common';
import { OrganizationId } from '../access/organization-id';
import { API_PATH, HTTP_DEPS, type HttpDeps } from '../http-deps';
import { toPageView } from '../input/page-query';
import { parseInput } from '../input/parse-input';
import { found, resourceId } from '../input/resource-id';
import { notFound } from '../server/problem';
import { ReservedId } from '../server/reserved-id';
import { teamSchemas } from './team-schemas';
import { toTeamView, type TeamView } from './team-view';

@Controller(`${API_PATH}/teams`)
export class TeamsController {
  private readonly schemas: ReturnType<typeof teamSchemas>;

  constructor(@Inject(HTTP_DEPS) private readonly deps: Pick<HttpDeps, 'teams' | 'settings'>) {
    this.schemas = teamSchemas(deps.settings.runtime);
  }

  @Post()
  async create(
    @OrganizationId() organizationId: string,
    @Body() body: unknown,
    @ReservedId() id?: string,
  ): Promise<TeamView> {
    const team = parseInput(this.schemas.create, body);
    return toTeamView(await this.deps.teams.createTeam(organizationId, team, id));
  }

  @Get()
  async list(@OrganizationId() organizationId: string, @Query() query: unknown) {
    const page = parseInput(this.schemas.list, query);
    return toPageView(await this.deps.teams.listTeams(organizationId, page), toTeamView);
  }

  @Get(':id')
  async get(@OrganizationId() organizationId: string, @Param('id') id: string): Promise<TeamView> {
    return toTeamView(found('team', await this.deps.teams.getTeam(organizationId, resourceId('team', id))));
  }

  @Patch(':id')
  async update(
    @OrganizationId() organizationId: string,
    @Param('id') id: string,
    @Body() body: unknown,
  ): Promise<TeamView> {
    const teamId = resourceId('team', id);
    const patch = parseInput(this.schemas.patch, body);
    return toTeamView(found('team', await this.deps.teams.updateTeam(organizationId, teamId, patch)));
  }

  @Delete(':id')
  @HttpCode(204)
  async delete(@OrganizationId() organizationId: string, @Param('id') id: string): Promise<void> {
    const isDeleted = await this.deps.teams.deleteTeam(organizationId, resourceId('team', id));
    if (!isDeleted) throw notFound('team');
  }
}
