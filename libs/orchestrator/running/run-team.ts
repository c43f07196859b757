import type { AgentSpec, DeploymentSpec } from '@crewtab/domain/ports/runtime';
import type { ToolSession } from '@crewtab/domain/ports/tool-server';
import type { Run, RunPlan } from '@crewtab/domain/runs/run';
import type { Agent } from '@crewtab/domain/teams/team';
import type { OrchestratorDeps } from './orchestrator-deps';

/** What the runtime is asked to make for a run; the same at every call, so that get-or-create finds it again. */
export function deploymentSpec(run: Run, installationId: string, toolSession: ToolSession | null): DeploymentSpec {
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
    teamSocketDir: toolSession?.socketDir ?? null,
  };
}

export function agentSpec(agent: Agent, protocols: OrchestratorDeps['protocols']): AgentSpec {
  return {
    name: agent.name,
    image: agent.image ?? null,
    command: agent.command ?? null,
    env: agent.env ?? {},
    resources: agent.resources ?? {},
    stdin: protocols[agent.protocol].stdin,
    files: [],
  };
}

/** Only a leader that speaks ACP can be handed an MCP server. */
export function hasTeamTools(agent: Agent): boolean {
  return agent.role === 'leader' && agent.protocol === 'acp';
}

/** A leader with nobody to work with needs no room. */
export function needsToolSession(plan: RunPlan): boolean {
  return plan.agents.length > 1 && plan.agents.some(hasTeamTools);
}
