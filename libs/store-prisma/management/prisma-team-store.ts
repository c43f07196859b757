import { AppError } from '@crewtab/domain/errors';
import type { NewTeam, Page, PageRequest, TeamEdit, TeamStore } from '@crewtab/domain/ports/management-store';
import { AgentEditError, editAgents, showAgent, type AgentCheck } from '@crewtab/domain/teams/edit-agents';
import { secretUsesOf } from '@crewtab/domain/secrets/secret';
import type { TeamNetwork } from '@crewtab/domain/teams/network';
import type { Agent, Team } from '@crewtab/domain/teams/team';
import type { TeamWorkspace } from '@crewtab/domain/teams/workspace';
import {
  type AgentOwner,
  type SecretBox,
  openEnv,
  openMcpServers,
  sealEnv,
  sealMcpServers,
} from '../database/secret-box';
import { isViolation, viaPrisma } from '../database/store-errors';
import { isId, storableJson, storableText } from '../database/database';
import {
  Prisma,
  type Agent as AgentRow,
  type PrismaClient,
  type SecretUse,
  type Team as TeamRow,
} from '../generated/client';
import { networkOf } from '../runs/run-row';
import { decodeCursor, toPage } from './keyset';

type TeamWithAgents = TeamRow & { readonly agents: readonly AgentRow[] };

const WITH_AGENTS = { agents: { orderBy: { position: 'asc' } } } as const satisfies Prisma.TeamInclude;

export class PrismaTeamStore implements TeamStore {
  constructor(
    private readonly prisma: PrismaClient,
    private readonly box: SecretBox,
  ) {}

  async createTeam(
    organizationId: string,
    { agents, network, workspace, ...team }: NewTeam,
    id?: string,
  ): Promise<Team> {
    // The agents' environments are sealed for their team, so it must have its id by then.
    const teamId = id ?? (await this.newId());
    const rows = this.agentRows({ organizationId, teamId }, agents).map((row, index) => {
      const uses = usesOf(agents[index]);
      return uses.length === 0
        ? row
        : { ...row, secretUses: { create: uses.map((use) => ({ organizationId, ...use })) } };
    });
    const columns = {
      ...storableTeam(team),
      ...networkColumns(network),
      ...workspaceColumns(workspace ?? null),
      organizationId,
    };
    const data = { ...columns, id: teamId, agents: { create: rows } };
    return this.toTeam(await withSecrets(id === undefined ? this.insert(data) : this.insertOnce(data)));
  }

  async listTeams(organizationId: string, { limit, cursor }: PageRequest): Promise<Page<Team>> {
    const before = decodeCursor(cursor, 'id');
    const where = { organizationId, ...(before && { id: { lt: before.id } }) };
    const rows = await viaPrisma(
      this.prisma.team.findMany({ where, orderBy: { id: 'desc' }, take: limit + 1, include: WITH_AGENTS }),
    );
    return toPage(
      rows,
      limit,
      ({ id }) => ({ id, at: null }),
      (row) => this.toTeam(row),
    );
  }

  async getTeam(organizationId: string, id: string): Promise<Team | null> {
    if (!isId(id)) return null;
    const row = await viaPrisma(this.prisma.team.findUnique({ where: { id, organizationId }, include: WITH_AGENTS }));
    return row && this.toTeam(row);
  }

  async updateTeam(
    organizationId: string,
    id: string,
    { agents, network, workspace, ...edit }: TeamEdit,
    check?: AgentCheck,
  ): Promise<Team | null> {
    if (!isId(id)) return null;
    const columns = {
      ...storableTeam(edit),
      ...(network && networkColumns(network)),
      ...(workspace !== undefined && workspaceColumns(workspace)),
    };
    const replace = this.prisma.$transaction(async (tx) => {
      // Locks the team's row first, so that two edits take turns.
      const { count } = await tx.team.updateMany({
        where: { id, organizationId },
        data: { ...columns, updatedAt: new Date() },
      });
      if (count === 0) return null;
      if (agents) {
        const stored = await tx.agent.findMany({ where: { organizationId, teamId: id } });
        const edited = editAgents(
          stored.map((row) => this.toAgent(row)),
          agents,
          check,
        );
        await tx.agent.deleteMany({ where: { organizationId, teamId: id } });
        await tx.agent.createMany({
          data: this.agentRows({ organizationId, teamId: id }, edited).map((agent) => ({
            ...agent,
            organizationId,
            teamId: id,
          })),
        });
        const uses = edited.flatMap((agent) =>
          usesOf(agent).map((use) => ({ organizationId, teamId: id, agent: agent.name, ...use })),
        );
        await tx.secretUse.createMany({ data: uses });
      }
      return tx.team.findUnique({ where: { id, organizationId }, include: WITH_AGENTS });
    });
    try {
      const row = await replace;
      return row && this.toTeam(row);
    } catch (error) {
      if (error instanceof AgentEditError) throw error;
      return withSecrets(Promise.reject(error as Error));
    }
  }

  async deleteTeam(organizationId: string, id: string): Promise<boolean> {
    if (!isId(id)) return false;
    try {
      const { count } = await this.prisma.team.deleteMany({ where: { id, organizationId } });
      return count > 0;
    } catch (error) {
      if (isViolation(error, 'foreign_key'))
        throw new AppError('team_in_use', 'the team is used by schedules; delete them or give them another team first');
      return viaPrisma(Promise.reject(error as Error));
    }
  }

  private insert(data: Prisma.TeamUncheckedCreateInput): Promise<TeamWithAgents> {
    return this.prisma.team.create({ data, include: WITH_AGENTS });
  }

  private insertOnce(data: Prisma.TeamUncheckedCreateInput & { readonly id: string }): Promise<TeamWithAgents> {
    const { id, organizationId } = data;
    return this.prisma.$transaction(async (tx) => {
      const isUnanswered = await holdUnanswered(tx, id);
      const present = await tx.team.findUnique({ where: { id, organizationId }, include: WITH_AGENTS });
      if (present) return present;
      // This attempt stood still for long. Another attempt made the team, and the team has been deleted since.
      if (!isUnanswered) throw new AppError('conflict', 'another attempt at this request was answered already');
      return tx.team.create({ data, include: WITH_AGENTS });
    });
  }

  private async newId(): Promise<string> {
    const [row] = await viaPrisma(this.prisma.$queryRaw<{ id: string }[]>`SELECT crewtab_uuid_v7() AS id`);
    if (!row) throw new AppError('internal', 'Postgres made no id');
    return row.id;
  }

  private agentRows(
    owner: AgentOwner,
    agents: readonly Agent[],
  ): Omit<Prisma.AgentCreateManyInput, 'organizationId' | 'teamId'>[] {
    return agents.map(
      (
        { env, command, resources, image, instructions, mode, permissions, name, role, protocol, mcpServers, ...agent },
        index,
      ) => ({
        position: index + 1,
        name: storableText(name),
        role,
        protocol,
        preset: textOrNull(agent.preset),
        model: textOrNull(agent.model),
        image: textOrNull(image),
        command: jsonOrNull(command),
        sealedEnv: sealEnv(this.box, owner, { name, env }),
        sealedMcpServers: sealMcpServers(this.box, owner, { name, ...(mcpServers && { mcpServers }) }),
        instructions: textOrNull(instructions),
        mode: textOrNull(mode),
        permissions: permissions ?? null,
        conduct: conductOf(agent),
        resources: jsonOrNull(resources),
      }),
    );
  }

  private toTeam({ agents, network, networkHosts, workspace, workspaceSecret: _, ...team }: TeamWithAgents): Team {
    return {
      ...team,
      network: networkOf(network, networkHosts),
      workspace: workspace as TeamWorkspace | null,
      agents: agents.map((row) => showAgent(this.toAgent(row))),
    };
  }

  /** What was not given stays away, instead of being null. */
  private toAgent({
    organizationId,
    teamId,
    name,
    role,
    protocol,
    preset,
    model,
    image,
    command,
    sealedEnv,
    sealedMcpServers,
    instructions,
    mode,
    permissions,
    conduct,
    resources,
  }: AgentRow): Agent {
    return {
      name,
      role,
      protocol,
      ...(preset !== null && { preset }),
      ...(model !== null && { model }),
      ...(image !== null && { image }),
      ...(command !== null && { command: command as string[] }),
      ...(sealedEnv !== null && { env: openEnv(this.box, { organizationId, teamId }, name, sealedEnv) }),
      ...(sealedMcpServers !== null && {
        mcpServers: openMcpServers(this.box, { organizationId, teamId }, name, sealedMcpServers),
      }),
      ...(instructions !== null && { instructions }),
      ...(mode !== null && { mode }),
      ...(permissions !== null && { permissions }),
      ...(conduct !== null && (conduct as Conduct)),
      ...(resources !== null && { resources: resources as NonNullable<Agent['resources']> }),
    };
  }
}

/** What is stored of an agent as it is, in one column. */
type Conduct = Pick<Agent, 'authMethod' | 'handshakeTimeoutMs' | 'idleTimeoutMs' | 'permissionRules' | 'secrets'>;

function conductOf({
  authMethod,
  handshakeTimeoutMs,
  idleTimeoutMs,
  permissionRules,
  secrets,
}: Conduct): ReturnType<typeof jsonOrNull> {
  const conduct = { authMethod, handshakeTimeoutMs, idleTimeoutMs, permissionRules, secrets };
  return jsonOrNull(Object.values(conduct).some((value) => value !== undefined) ? conduct : undefined);
}

/** Beside what the agents have: their servers are sealed, and only these rows keep a secret from being deleted. */
function usesOf(agent: Agent | undefined): Pick<SecretUse, 'mcpServer' | 'variable' | 'secret'>[] {
  if (!agent) return [];
  return secretUsesOf(agent).map(({ mcpServer, variable, secret }) => ({
    mcpServer: mcpServer ?? '',
    variable,
    secret,
  }));
}

async function withSecrets<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (isViolation(error, 'foreign_key'))
      throw new AppError('conflict', 'a secret that the team names was deleted meanwhile');
    return viaPrisma(Promise.reject(error as Error));
  }
}

/**
 * False when the request that makes this resource has its answer already. Attempts at one request take turns here, and
 * none is answered before the transaction ends.
 */
async function holdUnanswered(tx: Prisma.TransactionClient, resourceId: string): Promise<boolean> {
  const held = await tx.$queryRaw<unknown[]>`SELECT 1 FROM idempotency_keys
    WHERE resource_id = ${resourceId}::uuid AND completed_at IS NULL FOR UPDATE`;
  return held.length > 0;
}

function storableTeam<T extends Partial<Omit<NewTeam, 'agents' | 'network' | 'workspace'>>>(team: T): T {
  return JSON.parse(storableJson(team)) as T;
}

function networkColumns({ mode, hosts, hasOwnBridge }: TeamNetwork): Pick<TeamRow, 'network' | 'networkHosts'> {
  return { network: hasOwnBridge ? 'team' : mode, networkHosts: [...hosts] };
}

/** The name stands in a column of its own too, which keeps the secret from being deleted. */
function workspaceColumns(workspace: TeamWorkspace | null) {
  return { workspace: jsonOrNull(workspace ?? undefined), workspaceSecret: workspace?.git?.secret ?? null };
}

function textOrNull(text: string | undefined): string | null {
  return text === undefined ? null : storableText(text);
}

function jsonOrNull(value: unknown): Prisma.InputJsonValue | typeof Prisma.DbNull {
  return value === undefined ? Prisma.DbNull : (JSON.parse(storableJson(value)) as Prisma.InputJsonValue);
}
