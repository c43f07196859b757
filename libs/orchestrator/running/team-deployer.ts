import { AppError, toFailure } from '@crewtab/domain/errors';
import type { Claim } from '@crewtab/domain/ports/run-store';
import type { AgentSpec, AgentUnit, DeploymentSpec, DeployOptions } from '@crewtab/domain/ports/runtime';
import type { ToolSession } from '@crewtab/domain/ports/tool-server';
import { systemMessage } from '@crewtab/domain/runs/message';
import type { DeployProgress } from '@crewtab/domain/runs/observation';
import type { Run, RunPlan } from '@crewtab/domain/runs/run';
import type { Agent } from '@crewtab/domain/teams/team';
import { backoffMs } from '../waiting';
import type { PartEvent } from './agent-session';
import type { OrchestratorDeps } from './orchestrator-deps';

/** What the runtime is asked to make for a run; the same at every call, so that get-or-create finds it again. */
export function deploymentSpec(run: Run, installationId: string, agents: readonly AgentSpec[]): DeploymentSpec {
  if (!run.deployment || !run.deadlineAt) throw new Error(`run ${run.id} has not begun`);
  return {
    installationId,
    runId: run.id,
    name: run.deployment.name,
    epoch: run.epoch,
    deadlineAt: run.deadlineAt,
    network: { kind: run.plan.network },
    agents,
  };
}

export function agentSpec(
  agent: Agent,
  protocols: OrchestratorDeps['protocols'],
  toolSession: ToolSession | null,
): AgentSpec {
  return {
    name: agent.name,
    image: agent.image ?? null,
    command: agent.command ?? null,
    env: agent.env ?? {},
    resources: agent.resources ?? {},
    stdin: protocols[agent.protocol].stdin,
    tools: hasTeamTools(agent) ? (toolSession?.endpoint ?? null) : null,
  };
}

/** Only a leader that speaks ACP can be handed an MCP server. */
export function hasTeamTools(agent: Agent): boolean {
  return agent.role === 'leader' && agent.protocol === 'acp';
}

/** A leader without teammates needs no tools. */
export function needsToolSession(plan: RunPlan): boolean {
  return plan.agents.length > 1 && plan.agents.some(hasTeamTools);
}

export interface StartedAgent {
  readonly agent: Agent;
  readonly unit: AgentUnit;
  readonly startedAt: Date;
}

export interface TeamDeployerOptions {
  readonly claim: Claim;
  readonly deployment: DeploymentSpec;
  readonly agents: readonly { readonly agent: Agent; readonly spec: AgentSpec }[];
  readonly emit: (event: PartEvent | { readonly kind: 'started'; readonly started: StartedAgent }) => void;
}

/**
 * Makes the containers of one run, all agents in parallel, in the background: `decide` only looks at the progress, so
 * that a cancel or the deadline can cut a long image pull short. Everything it does is get-or-create; a worker that
 * dies in the middle leaves containers with this run's label, which the next one adopts or removes.
 */
export class TeamDeployer {
  private readonly progress = new Map<string, DeployProgress>();
  private readonly abort = new AbortController();
  private work: Promise<void> = Promise.resolve();

  constructor(
    private readonly deps: OrchestratorDeps,
    private readonly options: TeamDeployerOptions,
  ) {}

  progressOf(agent: string): DeployProgress {
    return this.progress.get(agent) ?? { status: 'not_asked' };
  }

  start(): void {
    for (const { agent } of this.options.agents) this.progress.set(agent.name, { status: 'under_way' });
    this.work = this.deployAll();
  }

  /** Ends pulls and retries early, and resolves when no call to the runtime is under way any more. */
  async stop(): Promise<void> {
    this.abort.abort();
    await this.work;
  }

  private async deployAll(): Promise<void> {
    try {
      await this.untilReachable(() => this.deps.runtime.prepare(this.options.deployment, this.callOptions(null)));
    } catch (error) {
      for (const { agent } of this.options.agents) this.fail(agent, error);
      return;
    }
    await Promise.all(this.options.agents.map(({ agent, spec }) => this.deployOne(agent, spec)));
  }

  private async deployOne(agent: Agent, spec: AgentSpec): Promise<void> {
    try {
      const unit = await this.untilReachable(() =>
        this.deps.runtime.ensureAgent(this.options.deployment, spec, this.callOptions(agent.name)),
      );
      if (this.abort.signal.aborted) return;
      this.progress.set(agent.name, { status: 'started' });
      this.options.emit({ kind: 'started', started: { agent, unit, startedAt: this.deps.clock.now() } });
      this.options.emit({ kind: 'changed' });
    } catch (error) {
      this.fail(agent, error);
    }
  }

  private fail(agent: Agent, error: unknown): void {
    if (this.abort.signal.aborted) return;
    this.progress.set(agent.name, { status: 'failed', failure: toFailure(error, 'start_failed') });
    this.options.emit({ kind: 'changed' });
  }

  private callOptions(agent: string | null): DeployOptions {
    return {
      signal: this.abort.signal,
      now: () => this.deps.clock.now(),
      onProgress: (text) => {
        const message = systemMessage(text, this.deps.clock.now(), agent);
        this.deps.store
          .appendMessages(this.options.claim, [message])
          .catch((error: unknown) => this.options.emit({ kind: 'failed', error }));
      },
    };
  }

  /** An engine that does not answer is waited for, until the deadline ends the run: a restart of it harms no run. */
  private async untilReachable<T>(call: () => Promise<T>): Promise<T> {
    for (let failures = 1; ; failures++) {
      try {
        return await call();
      } catch (error) {
        const mayRetry = error instanceof AppError && error.retryable && !this.abort.signal.aborted;
        if (!mayRetry) throw error;
        this.deps.logger.warn(
          { error: error.message, failures },
          'the engine did not answer while deploying; trying again',
        );
        await this.pause(backoffMs(failures, 200, 5_000));
      }
    }
  }

  private async pause(ms: number): Promise<void> {
    const { signal } = this.abort;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        cancel();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const cancel = this.deps.clock.after(ms, end);
      signal.addEventListener('abort', end);
    });
  }
}
