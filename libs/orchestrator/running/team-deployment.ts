import { AppError, toFailure, errorMessage, type Failure } from '@crewtab/domain/errors';
import type { Claim } from '@crewtab/domain/ports/run-store';
import type {
  AgentSpec,
  AgentUnit,
  DeploymentSpec,
  DeployOptions,
  Leftover,
  NetworkEndpoint,
  ResourceCounts,
  Runtime,
} from '@crewtab/domain/ports/runtime';
import type { EgressProxy } from '@crewtab/domain/ports/egress-proxy';
import type { ToolSession, ToolServer } from '@crewtab/domain/ports/tool-server';
import { systemMessage, type DraftMessage } from '@crewtab/domain/runs/message';
import type { DeployProgress } from '@crewtab/domain/runs/observation';
import type { PlannedAgent, Run, RunPlan } from '@crewtab/domain/runs/run';
import { findPolicyFaults } from '@crewtab/domain/teams/agent-policy';
import type { Agent } from '@crewtab/domain/teams/team';
import { backoffMs, answerWithin } from '../timing';
import type { SecretMask } from '../masking/secret-mask';
import type { PartEvent } from './agent-session';
import { pause } from './background-work';
import { fillWorkspace, refuseUnfit } from './fill-workspace';
import type { OrchestratorDeps } from './orchestrator-deps';
import type { Clock } from '@crewtab/domain/ports/clock';

/** What the runtime is asked to make for a run; the same at every call, so that get-or-create finds it again. */
export function deploymentSpec(
  run: Run,
  installationId: string,
  agents: readonly AgentSpec[],
  network: NetworkEndpoint,
): DeploymentSpec {
  if (!run.deployment || !run.deadlineAt) throw new Error(`run ${run.id} has not begun`);
  return {
    installationId,
    runId: run.id,
    name: run.deployment.name,
    epoch: run.epoch,
    deadlineAt: run.deadlineAt,
    network,
    ...(run.keptWorkspace && { keptWorkspace: run.keptWorkspace }),
    agents,
  };
}

export function agentSpec(
  agent: PlannedAgent,
  protocols: OrchestratorDeps['protocols'],
  toolSession: ToolSession | null,
  mask: SecretMask,
): AgentSpec {
  const { env = {} } = agent;
  return {
    name: agent.name,
    image: agent.image ?? null,
    command: agent.command ?? null,
    env,
    secretVariables: Object.keys(env).filter((name) => mask.text(env[name] ?? '') !== env[name]),
    resources: agent.resources ?? {},
    files: agent.files ?? [],
    stdin: protocols[agent.protocol].stdin,
    tools: toolSession?.endpoint ?? null,
  };
}

/** Only a leader that speaks ACP can be handed an MCP server; one without teammates needs none. */
export function needsToolSession(plan: RunPlan): boolean {
  return plan.agents.length > 1 && plan.agents.some(({ role, protocol }) => role === 'leader' && protocol === 'acp');
}

/** Who has tools of the team, the leader in seat 0: teammates too, where there is a leader to ask. */
export function toolUsers(plan: RunPlan): { readonly agent: Agent; readonly seat: number }[] {
  if (!needsToolSession(plan)) return [];
  const users = plan.agents.map((agent, index) => ({ agent, seat: agent.role === 'leader' ? 0 : index + 1 }));
  return users.filter(({ agent }) => agent.protocol === 'acp');
}

export interface StartedAgent {
  readonly agent: PlannedAgent;
  readonly unit: AgentUnit;
  readonly startedAt: Date;
}

export interface TeamDeployerOptions {
  readonly claim: Claim;
  readonly deployment: DeploymentSpec;
  readonly agents: readonly { readonly agent: PlannedAgent; readonly spec: AgentSpec }[];
  readonly run: Run;
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
  private told: Promise<unknown> = Promise.resolve();

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
      this.refuseUnfit();
      const { deployment, run } = this.options;
      const { workspace } = run.plan;
      await this.untilReachable(() => this.deps.runtime.prepare(deployment, this.callOptions(null)));
      if (workspace)
        await this.untilReachable(() => fillWorkspace(this.deps, workspace, run, deployment, this.callOptions(null)));
    } catch (error) {
      await this.told;
      for (const { agent } of this.options.agents) this.fail(agent, error);
      return;
    }
    await Promise.all(this.options.agents.map(({ agent, spec }) => this.deployOne(agent, spec)));
  }

  /** Before anything is made: an agent without its variables would do something else than it was made for. */
  private refuseUnfit(): void {
    const { promptFault, workspace } = this.options.run.plan;
    if (workspace) refuseUnfit(this.deps.runtime, workspace);
    if (promptFault) throw new AppError(promptFault.code, promptFault.message);
    for (const { agent } of this.options.agents) {
      const unusable = agent.envFault ?? agent.presetFault;
      if (unusable) throw new AppError(unusable.code, unusable.message);
      // A preset's own image is the operator's word.
      const given = agent.isImageOfPreset ? { ...agent, image: undefined } : agent;
      const [fault] = findPolicyFaults(given, this.deps.options.agentPolicy);
      if (fault) throw new AppError('not_allowed', `${agent.name}: ${fault.path.join('.')} ${fault.message}`);
    }
  }

  private async deployOne(agent: PlannedAgent, spec: AgentSpec): Promise<void> {
    try {
      const unit = await this.untilReachable(() =>
        this.deps.runtime.ensureAgent(this.options.deployment, spec, this.callOptions(agent.name)),
      );
      await this.told;
      if (this.abort.signal.aborted) return;
      this.progress.set(agent.name, { status: 'started' });
      this.options.emit({ kind: 'started', started: { agent, unit, startedAt: this.deps.clock.now() } });
      this.options.emit({ kind: 'changed' });
    } catch (error) {
      await this.told;
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
      onProgress: (text) => this.tell(systemMessage(text, this.deps.clock.now(), agent)),
    };
  }

  /** One write after the other: the conversation has the progress in the order in which it was made, and before what follows it. */
  private tell(message: DraftMessage): void {
    this.told = this.told
      .then(() => this.deps.store.appendMessages(this.options.claim, [message]))
      .catch((error: unknown) => this.options.emit({ kind: 'failed', error }));
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
        await pause(this.deps.clock, backoffMs(failures, 200, 5_000), this.abort.signal);
      }
    }
  }
}

/**
 * How long a removal is waited for, ms, beside the stop grace. An adapter's own limits may add up to more, but a run
 * must converge within a minute (I15). The call itself goes on, and the next attempt finds what it removed.
 */
export const TEARDOWN_LIMIT_MS = 30_000;

export interface RemovalDeps {
  readonly runtime: Pick<Runtime, 'teardown'>;
  /** Null where leaders get no team tools. */
  readonly toolServer: Pick<ToolServer, 'remove'> | null;
  /** Null where agents reach no listed hosts. */
  readonly egressProxy: Pick<EgressProxy, 'remove'> | null;
  readonly clock: Clock;
}

/** What one attempt to remove a run came to. */
export type Removal =
  /** The engine was asked again and shows nothing with the run's label; the folders of its tools and of its way out are gone too. */
  | { readonly kind: 'clean'; readonly removed: ResourceCounts }
  /** The engine still shows something, or one of the folders could not be removed. */
  | {
      readonly kind: 'leftover';
      readonly removed: ResourceCounts;
      readonly left: readonly Leftover[];
      readonly failure: Failure;
    }
  /** The engine refused (`error`) or did not answer in time (null): what stands is not known. */
  | { readonly kind: 'unanswered'; readonly failure: Failure; readonly error: Error | null };

/**
 * One attempt to remove everything of a run from this host. Idempotent and safe beside another attempt: drivers, the
 * reaper and a host that comes back may all be at it. Never throws, and answers after TEARDOWN_LIMIT_MS plus the grace
 * at the latest. A crash right here leaves the pending teardown in the database, and the next worker tries again.
 */
export async function removeRun(
  deps: RemovalDeps,
  installationId: string,
  runId: string,
  graceMs: number,
): Promise<Removal> {
  const limitMs = TEARDOWN_LIMIT_MS + graceMs;
  try {
    const removal = await answerWithin(deps.clock, limitMs, remove(deps, installationId, runId, graceMs));
    return removal?.answer ?? unanswered(`the engine did not answer within ${limitMs} ms`, null);
  } catch (error) {
    return unanswered(errorMessage(error), error instanceof Error ? error : new Error(String(error)));
  }
}

async function remove(
  { runtime, toolServer, egressProxy }: RemovalDeps,
  installationId: string,
  runId: string,
  graceMs: number,
): Promise<Removal> {
  const { removed, left } = await runtime.teardown(installationId, runId, { graceMs });
  if (left.length > 0) return leftover(removed, left);
  try {
    // Only after the agents are gone: one that still runs may be calling its tools.
    await toolServer?.remove(runId);
  } catch (error) {
    return leftover(removed, [{ kind: 'directory', name: 'of the tool session', reason: errorMessage(error) }]);
  }
  try {
    await egressProxy?.remove(runId);
  } catch (error) {
    return leftover(removed, [{ kind: 'directory', name: 'of the egress proxy', reason: errorMessage(error) }]);
  }
  return { kind: 'clean', removed };
}

function leftover(removed: ResourceCounts, left: readonly Leftover[]): Removal {
  const words = left.map(({ kind, name, reason }) => `${kind} ${name}: ${reason}`).join('; ');
  return {
    kind: 'leftover',
    removed,
    left,
    failure: { code: 'teardown_failed', message: `still there: ${words}` },
  };
}

function unanswered(message: string, error: Error | null): Removal {
  return { kind: 'unanswered', failure: { code: 'teardown_failed', message }, error };
}
