import { Controller, Inject } from '@nestjs/common';
import {
  createTeam,
  deleteTeam,
  getTeam,
  listTeams,
  tryTeam,
  updateTeam,
  type TeamView,
} from '@crewtab/api-contract/team-routes';
import type { RunView } from '@crewtab/api-contract/run-routes';
import { AgentEditError } from '@crewtab/domain/teams/edit-agents';
import { RUNTIMES } from '@crewtab/domain/runtimes';
import { findUnreachableServers } from '@crewtab/domain/teams/mcp-servers';
import { findPresetFaults, findUnreachableApi, type Preset, type PresetFault } from '@crewtab/domain/teams/preset';
import { findSecretFaults, secretNamesOf, secretUsesOf } from '@crewtab/domain/secrets/secret';
import type { TeamNetwork } from '@crewtab/domain/teams/network';
import type { Agent, McpServer, TeamAgent } from '@crewtab/domain/teams/team';
import type { TeamWorkspace } from '@crewtab/domain/teams/workspace';
import { Route, type RouteAnswer, type RouteInput } from '../contract/route';
import { HTTP_DEPS, type HttpDeps } from '../http-deps';
import { found } from '../input/found';
import { toRunView } from '../runs/run-view';
import { offerRun } from '../runs/start-run';
import { invalidInput, notFound } from '../server/problem';
import { toTeamView } from './team-view';

@Controller()
export class TeamsController {
  constructor(
    @Inject(HTTP_DEPS)
    private readonly deps: Pick<
      HttpDeps,
      'teams' | 'secrets' | 'runs' | 'queue' | 'logger' | 'settings' | 'artifacts' | 'schedules'
    >,
  ) {}

  @Route(createTeam)
  async create({ caller, body, reservedId }: RouteInput<typeof createTeam>): Promise<TeamView> {
    if (!this.mayHave(body.network)) throw openRefused();
    refuseUnreachable(body, this.deps.settings.presets);
    this.refuseUnkeepable(body.workspace);
    await this.refuseAbsentSecrets(caller.organizationId, body.agents, body.workspace);
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
    if (body.network !== undefined && !this.mayHave(body.network)) {
      const present = found('team', await this.deps.teams.getTeam(caller.organizationId, params.id));
      // What it has already it may keep: a team of an earlier version, or one that is sent back as it was read.
      if (present.network.mode !== 'open') throw openRefused();
    }
    if (body.network !== undefined || body.agents !== undefined) {
      const present = found('team', await this.deps.teams.getTeam(caller.organizationId, params.id));
      const { network = present.network, agents = present.agents } = body;
      const withKept = agents.map((agent) => ({
        ...agent,
        env: { ...keptVariables(present.agents, agent), ...agent.env },
      }));
      refuseUnreachable({ network, agents: withKept }, this.deps.settings.presets);
    }
    this.refuseUnkeepable(body.workspace);
    if (body.workspace?.persist) await this.refuseOverlapping(caller.organizationId, params.id);
    await this.refuseAbsentSecrets(caller.organizationId, body.agents ?? [], body.workspace);
    try {
      return toTeamView(
        found(
          'team',
          await this.deps.teams.updateTeam(caller.organizationId, params.id, body, (agent) => this.faultsOf(agent)),
        ),
      );
    } catch (error) {
      if (!(error instanceof AgentEditError)) throw error;
      throw invalidInput(error.faults.map(({ path, message }) => ({ path: ['agents', ...path].join('.'), message })));
    }
  }

  @Route(tryTeam)
  async try({ caller, params, body, idempotencyKey }: RouteInput<typeof tryTeam>): Promise<RunView> {
    const { runs, settings } = this.deps;
    const { prompt, timeout: timeoutMs = settings.defaultTimeoutMs } = body;
    const run = await runs.createTry(caller.organizationId, params.id, { prompt, timeoutMs }, idempotencyKey);
    await offerRun(this.deps, found('team', run));
    return toRunView(found('team', run));
  }

  @Route(deleteTeam)
  async delete({ caller, params }: RouteInput<typeof deleteTeam>): Promise<void> {
    const isDeleted = await this.deps.teams.deleteTeam(caller.organizationId, params.id);
    if (!isDeleted) throw notFound('team');
  }

  /** A preset that is gone was told by the contract already. */
  private faultsOf(agent: Agent): PresetFault[] {
    const preset = this.deps.settings.presets.get(agent.preset ?? '');
    return [...findSecretFaults(agent), ...(preset ? findPresetFaults(agent, preset) : [])];
  }

  /** Two runs at a time must not have one workspace. */
  private async refuseOverlapping(organizationId: string, teamId: string): Promise<void> {
    const { schedules } = this.deps;
    let cursor: string | null = null;
    do {
      const page = await schedules.listSchedules(organizationId, { teamId }, { limit: 100, cursor });
      const found = page.items.find(({ overlap }) => overlap === 'allow');
      if (found) {
        const message = `cannot be true while runs of the schedule "${found.name}" may overlap (overlap: allow)`;
        throw invalidInput([{ path: 'workspace.persist', message }]);
      }
      cursor = page.nextCursor;
    } while (cursor !== null);
  }

  private refuseUnkeepable(workspace: TeamWorkspace | null = null): void {
    if (!workspace?.git?.diff || this.deps.artifacts.store) return;
    const message =
      'cannot be had: the installation has no store for artifacts (ARTIFACT_FOLDER or ARTIFACT_S3_BUCKET)';
    throw invalidInput([{ path: 'workspace.git.diff', message }]);
  }

  /** One that is deleted at this moment is refused by the database, without the field. */
  private async refuseAbsentSecrets(
    organizationId: string,
    agents: readonly SecretUsers[],
    workspace: TeamWorkspace | null = null,
  ): Promise<void> {
    const ofWorkspace = workspace?.git?.secret;
    const names = [...secretNamesOf(agents), ...(ofWorkspace === undefined ? [] : [ofWorkspace])];
    const absent = await this.deps.secrets.findAbsentSecrets(organizationId, names);
    if (absent.length === 0) return;
    const faults = agents.flatMap((agent, index) =>
      secretUsesOf(agent).flatMap(({ mcpServer, variable, secret }) => {
        if (!absent.includes(secret)) return [];
        const at = (agent.mcpServers ?? []).findIndex(({ name }) => name === mcpServer);
        const path = ['agents', index, ...(at < 0 ? [] : ['mcpServers', at]), 'secrets', variable].join('.');
        return [{ path, message: `there is no secret "${secret}"` }];
      }),
    );
    if (ofWorkspace !== undefined && absent.includes(ofWorkspace))
      faults.push({ path: 'workspace.git.secret', message: `there is no secret "${ofWorkspace}"` });
    throw invalidInput(faults);
  }

  /** Where agents could be kept from the network, an open one is the operator's to allow. */
  private mayHave({ mode }: TeamNetwork): boolean {
    const { runtime, isOpenNetworkAllowed } = this.deps.settings;
    return mode !== 'open' || isOpenNetworkAllowed || !RUNTIMES[runtime].isIsolated;
  }
}

/** At the server or the preset, also when the network is what was edited: there a reader sees which host is meant. */
function refuseUnreachable(
  { network, agents }: { readonly network: TeamNetwork; readonly agents: readonly ReachingAgent[] },
  presets: ReadonlyMap<string, Preset>,
): void {
  const faults = agents.flatMap(({ mcpServers = [], preset: name, env = {} }, index) => {
    const servers = findUnreachableServers(network, mcpServers);
    const preset = presets.get(name ?? '');
    const api = preset ? findUnreachableApi(network, env, preset) : null;
    return [
      ...servers.map(({ path, message }) => ({ path: ['agents', index, 'mcpServers', ...path].join('.'), message })),
      ...(api ? [{ path: ['agents', index, ...api.path].join('.'), message: api.message }] : []),
    ];
  });
  if (faults.length > 0) throw invalidInput(faults);
}

type SecretUsers = Parameters<typeof secretUsesOf>[0];

interface ReachingAgent {
  readonly preset?: string | undefined;
  readonly env?: Readonly<Record<string, unknown>> | undefined;
  readonly mcpServers?: readonly McpServer<unknown>[] | undefined;
}

/** Names of the variables that an edited agent keeps; what they hold only the store knows. */
function keptVariables(
  present: readonly TeamAgent[],
  { name, previousName = name }: { readonly name: string; readonly previousName?: string | undefined },
): Readonly<Record<string, unknown>> {
  return present.find((agent) => agent.name === previousName)?.env ?? {};
}

function openRefused(): Error {
  const message = 'an open network is not allowed here: list hosts, or ask the operator for NETWORK_OPEN_ALLOWED';
  return invalidInput([{ path: 'network.mode', message }]);
}
