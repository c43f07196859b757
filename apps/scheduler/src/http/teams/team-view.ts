import type { TeamView } from '@crewtab/api-contract/team-routes';
import { formatDuration } from '@crewtab/domain/durations';
import type { ShownMcpServer, Team, TeamAgent } from '@crewtab/domain/teams/team';

export function toTeamView(team: Team): TeamView {
  return {
    id: team.id,
    name: team.name,
    description: team.description,
    network: { mode: team.network.mode, hosts: [...team.network.hosts] },
    workspace: team.workspace,
    agents: team.agents.map(toAgentView),
    createdAt: team.createdAt.toISOString(),
    updatedAt: team.updatedAt.toISOString(),
  };
}

function toAgentView(agent: TeamAgent): TeamView['agents'][number] {
  const {
    command,
    resources,
    env,
    mcpServers,
    permissions,
    permissionRules,
    handshakeTimeoutMs,
    idleTimeoutMs,
    ...rest
  } = agent;
  return {
    ...rest,
    ...(permissions && {
      permissions: permissionRules ? { default: permissions, rules: [...permissionRules] } : permissions,
    }),
    ...(handshakeTimeoutMs !== undefined && { handshakeTimeout: formatDuration(handshakeTimeoutMs) }),
    ...(idleTimeoutMs !== undefined && { idleTimeout: formatDuration(idleTimeoutMs) }),
    ...(command ? { command: [...command] } : {}),
    ...(env ? { env: { ...env } } : {}),
    ...(resources ? { resources } : {}),
    ...(mcpServers ? { mcpServers: mcpServers.map(toServerView) } : {}),
  };
}

function toServerView({ args, env, headers, ...server }: ShownMcpServer) {
  return {
    ...server,
    ...(args ? { args: [...args] } : {}),
    ...(env ? { env: { ...env } } : {}),
    ...(headers ? { headers: { ...headers } } : {}),
  };
}
