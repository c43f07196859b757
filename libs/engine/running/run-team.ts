import type { DialogueOptions } from '@crewtab/domain/ports/agent-protocol';
import type { AgentSpec, DeploymentSpec, InjectedFile } from '@crewtab/domain/ports/runtime';
import type { Run } from '@crewtab/domain/runs/run';
import type { Agent } from '@crewtab/domain/teams/team';
import type { EngineDeps } from './engine-options';

/** What gives a team's leader its tools: a program in the container, and a socket directory on the host. */
export interface TeamTools {
  /** Host directory for the run's socket. */
  readonly socketDir: string;
  /** The bridge program, put into the leader's container. */
  readonly files: readonly InjectedFile[];
  readonly server: NonNullable<DialogueOptions['teamTools']>;
}

/** What the runtime is asked to make for a run; the same at every call, so that get-or-create finds it again. */
export function deploymentSpec(run: Run, installationId: string, tools: TeamTools | null): DeploymentSpec {
  if (!run.deployment || !run.deadlineAt) throw new Error(`run ${run.id} has not begun`);
  const images = run.plan.agents.flatMap((agent) => (agent.image ? [agent.image] : []));
  return {
    installationId,
    runId: run.id,
    name: run.deployment.name,
    epoch: run.epoch,
    deadlineAt: run.deadlineAt,
    network: run.plan.network,
    images: [...new Set(images)],
    teamSocketDir: tools?.socketDir ?? null,
  };
}

export function agentSpec(agent: Agent, protocols: EngineDeps['protocols'], tools: TeamTools | null): AgentSpec {
  return {
    name: agent.name,
    image: agent.image ?? null,
    command: agent.command ?? null,
    env: agent.env ?? {},
    resources: agent.resources ?? {},
    stdin: protocols[agent.protocol].stdin,
    files: tools && hasTeamTools(agent) ? tools.files : [],
  };
}

/** Only a leader that speaks ACP can be handed an MCP server. */
export function hasTeamTools(agent: Agent): boolean {
  return agent.role === 'leader' && agent.protocol === 'acp';
}
