import { AppError } from '@crewtab/domain/errors';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { Claim } from '@crewtab/domain/ports/run-store';
import { promptTurnId } from '@crewtab/domain/runs/decide';
import type { AgentObservation, Observation, PromptWrite } from '@crewtab/domain/runs/observation';
import { START_OF_OUTPUT, type Run } from '@crewtab/domain/runs/run';
import type { Agent } from '@crewtab/domain/teams/team';
import { AgentSession } from './agent-session';
import type { EngineDeps } from './engine-options';
import { agentSpec, deploymentSpec, hasTeamTools, type TeamTools } from './run-team';
import { retrying } from './retry';
import { TeamDeployer, type StartedAgent } from './team-deployer';

export interface RunCrewOptions {
  readonly run: Run;
  readonly claim: Claim;
  readonly installationId: string;
  readonly isAdopted: boolean;
  readonly logger: Logger;
  readonly wake: () => void;
  readonly onFailure: (error: unknown) => void;
}

/** The living side of a held run: its deployer and one session per agent. Answers `observe()`, and lets go on request. */
export class RunCrew {
  promptWrite: PromptWrite;
  private readonly sessions = new Map<string, AgentSession>();
  private readonly handshakeDeadlines = new Map<string, Date>();
  private deployer: TeamDeployer | null = null;
  private saves: Promise<unknown> = Promise.resolve();
  private isLetGo = false;
  private tools: TeamTools | null = null;

  constructor(
    private readonly deps: EngineDeps,
    private readonly options: RunCrewOptions,
  ) {
    const { run } = options;
    const wasPermitted = options.isAdopted && run.prompt.state === 'permitted';
    const evidenceUntil = new Date(deps.clock.now().getTime() + deps.options.evidenceMs);
    this.promptWrite = wasPermitted ? { status: 'not_ours', evidenceUntil } : { status: 'idle' };
  }

  /** Opens the sessions of an adopted run whose agents are all known to be started. Does nothing when they are open. */
  connect(run: Run): void {
    if (this.isLetGo || (run.phase !== 'prompting' && run.phase !== 'monitoring')) return;
    for (const agent of run.plan.agents) {
      const deployed = run.deployment?.agents.find((candidate) => candidate.name === agent.name);
      if (!this.sessions.has(agent.name) && deployed?.handle) this.openSession(run, agent, deployed.handle);
    }
  }

  /** Begins to make (or adopt) the team's containers, in the background. */
  deploy(run: Run): void {
    const deployer = new TeamDeployer(this.deps, {
      claim: this.options.claim,
      deployment: deploymentSpec(run, this.options.installationId, this.tools),
      agents: run.plan.agents.map((agent) => ({ agent, spec: agentSpec(agent, this.deps.protocols, this.tools) })),
      onStarted: (started) => this.onStarted(run, started),
      onChange: this.options.wake,
      onFailure: this.options.onFailure,
    });
    this.deployer = deployer;
    deployer.start();
  }

  observe(held: { readonly run: Run; readonly nextTeardownAt: Date | null }): Observation {
    return {
      agents: held.run.plan.agents.map((agent) => this.observeAgent(agent)),
      promptWrite: this.promptWrite,
      openDelegations: 0,
      nextTeardownAt: held.nextTeardownAt,
    };
  }

  async startTurn(agent: string, turn: { readonly id: string; readonly text: string }): Promise<void> {
    const session = this.sessions.get(agent);
    if (!session) throw new AppError('prompt_failed', `agent "${agent}" is not connected`);
    await session.startTurn(turn);
  }

  /** Resolves when what is known of the agents is saved. */
  async settleSaves(): Promise<void> {
    await this.saves;
  }

  /** The engine hints that an agent ended (or that hints may have been missed: null): let the sessions look. */
  noteEnded(agent: string | null): void {
    for (const [name, session] of this.sessions) if (agent === null || agent === name) session.recheck();
  }

  /** Stores what was read so far. */
  async flush(): Promise<void> {
    await Promise.all([...this.sessions.values()].map((session) => session.flush()));
  }

  /** Before a teardown: no call to the runtime of ours is under way any more, and nothing is read further. */
  async letGo(): Promise<void> {
    this.disconnect();
    await this.deployer?.stop();
  }

  /** Closes the sessions at once; containers go on. */
  disconnect(): void {
    this.isLetGo = true;
    for (const session of this.sessions.values()) session.close();
    void this.deployer?.stop();
  }

  private onStarted(run: Run, { agent, handle, startedAt }: StartedAgent): void {
    const { claim, onFailure } = this.options;
    this.save(() => this.deps.store.saveAgent(claim, agent.name, { handle, startedAt }));
    this.handshakeDeadlines.set(agent.name, new Date(startedAt.getTime() + this.deps.options.handshakeTimeoutMs));
    if (this.isLetGo) return;
    try {
      this.openSession(run, agent, handle);
    } catch (error) {
      onFailure(error);
    }
  }

  private openSession(run: Run, agent: Agent, handle: string): void {
    const deployed = run.deployment?.agents.find((candidate) => candidate.name === agent.name);
    const wasPrompted = agent.role === 'leader' && run.prompt.state !== 'none';
    let isReady = Boolean(deployed?.readyAt);
    const session = new AgentSession(
      { runtime: this.deps.runtime, store: this.deps.store, clock: this.deps.clock, logger: this.options.logger.child({ agent: agent.name }) },
      {
        claim: this.options.claim,
        handle,
        protocol: this.deps.protocols[agent.protocol],
        dialogue: { runId: run.id, agent, teamTools: hasTeamTools(agent) ? (this.tools?.server ?? null) : null },
        cursor: deployed?.cursor ?? START_OF_OUTPUT,
        isAdopted: this.options.isAdopted,
        wasReady: isReady,
        expectedTurns: wasPrompted ? [promptTurnId(run.id)] : [],
        outputLimit: this.deps.options.outputLimit,
        onChange: () => {
          if (!isReady && session.observed().dialogue?.handshake.status === 'ready') {
            isReady = true;
            const readyAt = this.deps.clock.now();
            this.save(() => this.deps.store.saveAgent(this.options.claim, agent.name, { readyAt }));
            this.options.logger.info({ agent: agent.name }, 'agent ready');
          }
          this.options.wake();
        },
        onFailure: this.options.onFailure,
      },
    );
    this.sessions.set(agent.name, session);
    void session.run();
  }

  /** Saves run beside the dialogue; `settleSaves` waits for them before the prompt. */
  private save(write: () => Promise<void>): void {
    const work = retrying(this.deps.clock, () => this.isLetGo, write);
    work.catch(this.options.onFailure);
    this.saves = Promise.allSettled([this.saves, work]);
  }

  private observeAgent(agent: Agent): AgentObservation {
    const seen = this.sessions.get(agent.name)?.observed() ?? { dialogue: null, ended: null, hasFloodedOutput: false };
    return {
      name: agent.name,
      role: agent.role,
      deploy: this.deployer?.progressOf(agent.name) ?? { status: 'not_asked' },
      handshakeDeadlineAt: this.handshakeDeadlines.get(agent.name) ?? null,
      ...seen,
    };
  }
}
