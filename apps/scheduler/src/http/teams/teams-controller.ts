import { Controller, Inject } from '@nestjs/common';
import {
  createTeam,
  deleteTeam,
  getTeam,
  listTeams,
  updateTeam,
  type TeamView,
} from '@crewtab/api-contract/team-routes';
import { AgentEditError } from '@crewtab/domain/teams/edit-agents';
import { Route, type RouteAnswer, type RouteInput } from '../contract/route';
import { HTTP_DEPS, type HttpDeps } from '../http-deps';
import { found } from '../input/found';
import { invalidInput, notFound } from '../server/problem';
import { toTeamView } from './team-view';

@Controller()
export class TeamsController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: Pick<HttpDeps, 'teams'>) {}

  @Route(createTeam)
  async create({ caller, body, reservedId }: RouteInput<typeof createTeam>): Promise<TeamView> {
    return toTeamView(await this.deps.teams.createTeam(caller.organizationId, body, reservedId));
  }

  @Route(listTeams)
  async list({ caller, query }: RouteInput<typeof listTeams>): Promise<RouteAnswer<typeof listTeams>> {
    const { items, nextCursor } = await this.deps.teams.listTeams(caller.organizationId, query);
    return { items: items.map(toTeamView), nextCursor };
  }

  @Route(getTeam)
  async get({ caller, params }: RouteInput<typeof getTeam>): Promise<TeamView> {
    return toTeamView(found('team', await this.deps.teams.getTeam(caller.organizationId, params.id)));
  }

  @Route(updateTeam)
  async update({ caller, params, body }: RouteInput<typeof updateTeam>): Promise<TeamView> {
    try {
      return toTeamView(found('team', await this.deps.teams.updateTeam(caller.organizationId, params.id, body)));
    } catch (error) {
      if (!(error instanceof AgentEditError)) throw error;
      throw invalidInput(error.faults.map(({ path, message }) => ({ path: ['agents', ...path].join('.'), message })));
    }
  }

  @Route(deleteTeam)
  async delete({ caller, params }: RouteInput<typeof deleteTeam>): Promise<void> {
    const isDeleted = await this.deps.teams.deleteTeam(caller.organizationId, params.id);
    if (!isDeleted) throw notFound('team');
  }
}
