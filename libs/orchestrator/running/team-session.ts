import type { Failure } from '@crewtab/domain/errors';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { DialogueOptions } from '@crewtab/domain/ports/agent-protocol';
import type { Claim } from '@crewtab/domain/ports/run-store';
import type { ToolAnswer, ToolCall, ToolSession } from '@crewtab/domain/ports/tool-server';
import { promptTurnId } from '@crewtab/domain/runs/decide';
import type { AgentObservation, Observation, PromptWrite } from '@crewtab/domain/runs/observation';
import { START_OF_OUTPUT, type PlannedAgent, type Run } from '@crewtab/domain/runs/run';
import { MOST_WARNINGS, type Warning } from '@crewtab/domain/runs/warning';
import type { Agent } from '@crewtab/domain/teams/team';
import type { RunMask } from '../masking/masked-deps';
import { AgentSession, type Emit } from './agent-session';
import { AgentSessions, evidenceUntil, TeamDelegations } from './team-delegations';
import type { OrchestratorDeps } from './orchestrator-deps';
import { RunNetwork } from './run-network';
import {
  agentSpec,
  deploymentSpec,
  needsToolSession,
  toolUsers,
  type StartedAgent,
  TeamDeployer,
} from './team-deployment';
import { RunOutput } from './run-output';
import { TeamNotes } from './team-notes';
import { TeamTools } from './team-tools';
import { answerWithin, retrying } from '../timing';

export interface TeamSessionOptions {
  readonly run: Run;
  readonly claim: Claim;
  readonly installationId: string;
  readonly isAdopted: boolean;
  readonly logger: Logger;
  readonly emit: Emit;
  readonly mask: RunMask;
}

/** After an adoption: how long the leader's old output may take to be read, and its new one to follow, before a deadline counts, ms. */
const CATCH_UP_MS = { old: 2_000, new: 500 } as const;

/** Until when evidence may come is known only when the run is observed. */
type OwnWrite =
  Exclude<PromptWrite, { status: 'not_ours' }> | { readonly status: 'not_ours'; readonly sinceMs: number };

/** The living side of a held run: its deployer and one session per agent. Answers `observe()`. */
export class TeamSession {
  promptWrite: OwnWrite;
  /** See `Observation`. */
  diskFailure: Failure | null = null;
  private readonly sessions = new AgentSessions();
  private readonly ready = new Set<string>();
  private readonly handshakeDeadlines = new Map<string, Date>();
  /** Agents that waited for a teammate when they were last looked at. */
  private readonly waiting = new Set<string>();
  private deployer: TeamDeployer | null = null;
  private saves: Promise<unknown> = Promise.resolve();
  private isReleased = false;
  private readonly toolSessions = new Map<string, ToolSession>();
  private hasRestored = false;
  private hasResumed = false;
  private readonly delegations: TeamDelegations;
  private readonly notes: TeamNotes;
  private readonly tools: TeamTools;
  private readonly output: RunOutput;
  private readonly network: RunNetwork;
  private readonly takenAt: number;

  constructor(
    private readonly deps: OrchestratorDeps,
    private readonly options: TeamSessionOptions,
  ) {
    const { run } = options;
    const wasPermitted = options.isAdopted && run.prompt.state === 'permitted';
    this.takenAt = deps.clock.now().getTime();
    this.output = new RunOutput(deps.options, run.messageCount, () => options.emit({ kind: 'changed' }));
    this.delegations = new TeamDelegations({
      store: deps.delegations,
      clock: deps.clock,
      claim: options.claim,
      leader: run.plan.agents.find(({ role }) => role === 'leader')?.name ?? '',
      evidenceMs: deps.options.evidenceMs,
      sessions: this.sessions,
      output: this.output,
      emit: options.emit,
    });
    const { delegations } = this;
    this.notes = new TeamNotes({
      store: deps.store,
      notes: deps.delegations,
      clock: deps.clock,
      claim: options.claim,
      output: this.output,
    });
    const { notes } = this;
    this.tools = new TeamTools({
      agents: run.plan.agents,
      delegations,
      notes,
      answerMs: deps.options.teamAnswerMs,
    });
    this.network = new RunNetwork(deps, (message) =>
      this.save(async () => void (await deps.store.appendMessages(options.claim, [message]))),
    );
    this.promptWrite = wasPermitted ? { status: 'not_ours', sinceMs: this.takenAt } : { status: 'idle' };
  }

  /** Opens the sessions of an adopted run whose agents are all known to be started. Does nothing when they are open. */
  async connect(run: Run): Promise<void> {
    if (this.isReleased || (run.phase !== 'prompting' && run.phase !== 'monitoring')) return;
    await this.openToolSessions(run);
    await this.network.open(run);
    this.openSessions(run);
    if (this.hasResumed) return;
    this.hasResumed = true;
    this.delegations.resume();
  }

  /**
   * Asks every agent with an open turn to end it, and waits for that for at most `limitMs`; what they answer is stored.
   * No turn begins any more, and the team's tools answer no calls. For a run that was adopted after its end the sessions
   * are opened for it: the agents may still be at work on what an earlier worker gave them.
   */
  async cancelTurns(run: Run, limitMs: number): Promise<void> {
    if (this.isReleased || run.prompt.state === 'none') return;
    if (this.options.isAdopted && this.sessions.all.length === 0) {
      if (needsToolSession(run.plan)) await this.restoreOnce();
      this.openSessions(run);
    }
    this.closeTools();
    const { clock } = this.deps;
    const cancels = this.sessions.all.map((session) => session.cancelTurn());
    await answerWithin(clock, limitMs, Promise.all(cancels));
    await answerWithin(clock, limitMs / 2, this.flush());
  }

  private openSessions(run: Run): void {
    for (const agent of run.plan.agents) {
      const deployed = run.deployment?.agents.find((candidate) => candidate.name === agent.name);
      if (!this.sessions.has(agent.name) && deployed?.handle) this.openSession(run, agent, deployed.handle);
    }
  }

  /** Begins to make (or adopt) the team's containers, in the background. */
  async deploy(run: Run): Promise<void> {
    await this.openToolSessions(run);
    const network = await this.network.open(run);
    const agents = run.plan.agents.map((agent) => ({
      agent,
      spec: agentSpec(agent, this.deps.protocols, this.toolSessions.get(agent.name) ?? null, this.options.mask.current),
    }));
    const deployer = new TeamDeployer(this.deps, {
      claim: this.options.claim,
      deployment: deploymentSpec(
        run,
        this.options.installationId,
        agents.map(({ spec }) => spec),
        network,
      ),
      agents,
      run,
      emit: (event) => (event.kind === 'started' ? this.onStarted(run, event.started) : this.options.emit(event)),
    });
    this.deployer = deployer;
    deployer.start();
  }

  observe(held: { readonly run: Run } & Pick<Observation, 'nextTeardownAt' | 'teardownFailedAt'>): Observation {
    return {
      agents: held.run.plan.agents.map((agent) => this.observeAgent(agent)),
      promptWrite: this.observedWrite(held.run),
      outputFailure: this.output.failure,
      openDelegations: this.delegations.openCount,
      diskFailure: this.diskFailure,
      catchingUpUntil: this.options.isAdopted ? this.catchingUpUntil(held.run) : null,
      nextTeardownAt: held.nextTeardownAt,
      teardownFailedAt: held.teardownFailedAt,
    };
  }

  /** What a reader of the run should know, as far as its agents were read. */
  warnings(run: Run): Warning[] {
    const ofAgents = this.sessions.all.flatMap((session) => [...session.warnings]);
    return [...this.toolWarnings(run), ...ofAgents].slice(0, MOST_WARNINGS);
  }

  /** Of an adopted run it is unknown whether the tools were reached earlier. */
  private toolWarnings(run: Run): Warning[] {
    const user = run.plan.agents.find(({ role }) => role === 'leader');
    const session = user && this.toolSessions.get(user.name);
    if (!session || this.options.isAdopted || session.isReached) return [];
    if (this.sessions.observed(user.name).dialogue?.turns.get(promptTurnId(run.id))?.status !== 'done') return [];
    const message = `agent "${user.name}" never started its team's tools, so that its team was not there for it`;
    return [{ code: 'team_tools_unused', message }];
  }

  async startTurn(agent: string, turn: { readonly id: string; readonly text: string }): Promise<void> {
    await this.sessions.startTurn(agent, turn);
  }

  /** Resolves when what is known of the agents is saved. */
  async settleSaves(): Promise<void> {
    await this.saves;
  }

  /** The engine hints that an agent ended (or that hints may have been missed: null): let the sessions look. */
  noteEnded(agent: string | null): void {
    const sessions = agent === null ? this.sessions.all : [this.sessions.get(agent)];
    for (const session of sessions) session?.recheck();
  }

  /** Stores what was read so far. */
  async flush(): Promise<void> {
    await Promise.all(this.sessions.all.map((session) => session.flush()));
  }

  /** Before a teardown: no call to the runtime of ours is under way any more, and nothing is read further. */
  async release(): Promise<void> {
    this.disconnect();
    await this.deployer?.stop();
  }

  /** Closes the sessions at once; containers go on. */
  disconnect(): void {
    this.isReleased = true;
    this.closeTools();
    this.network.close();
    for (const session of this.sessions.all) session.close();
    void this.deployer?.stop();
  }

  /** The team's tools need their sockets before the containers are made, and what was delegated before they open. */
  private async openToolSessions(run: Run): Promise<void> {
    const { toolServer } = this.deps;
    const users = toolUsers(run.plan).filter(({ agent }) => !this.toolSessions.has(agent.name));
    if (!toolServer || users.length === 0) return;
    if (this.options.isAdopted) await this.restoreOnce();
    const opened = await Promise.allSettled(
      users.map(async ({ agent: { name }, seat }) => {
        this.toolSessions.set(name, await toolServer.open(run.id, name, (call) => this.answer(call), seat));
      }),
    );
    if (this.isReleased) this.closeTools();
    for (const one of opened) if (one.status === 'rejected') throw one.reason;
  }

  /** What was delegated counts as output, and must not count twice. */
  private async restoreOnce(): Promise<void> {
    if (this.hasRestored) return;
    await this.notes.restore();
    await this.delegations.restore();
    this.hasRestored = true;
  }

  private closeTools(): void {
    this.delegations.close();
    for (const toolSession of this.toolSessions.values()) toolSession.close();
  }

  /** Holds nothing of the call while it waits: a task may be a megabyte, and its answer an hour away. */
  private answer(call: ToolCall): Promise<ToolAnswer> {
    const masked = { ...call, arguments: this.options.mask.current.deep(call.arguments) };
    return this.tools.handle(masked).catch((error: unknown) => {
      this.options.emit({ kind: 'failed', error });
      throw error;
    });
  }

  private onStarted(run: Run, { agent, unit, startedAt }: StartedAgent): void {
    const { claim, emit } = this.options;
    this.save(() => this.deps.store.saveAgent(claim, agent.name, { ...unit, startedAt }));
    const timeoutMs = agent.handshakeTimeoutMs ?? this.deps.options.handshakeTimeoutMs;
    this.handshakeDeadlines.set(agent.name, new Date(startedAt.getTime() + timeoutMs));
    if (this.isReleased) return;
    try {
      this.openSession(run, agent, unit.handle);
    } catch (error) {
      emit({ kind: 'failed', error });
    }
  }

  private openSession(run: Run, agent: PlannedAgent, handle: string): void {
    const deployed = run.deployment?.agents.find((candidate) => candidate.name === agent.name);
    const wasPrompted = agent.role === 'leader' && run.prompt.state !== 'none';
    const wasReady = Boolean(deployed?.readyAt);
    if (wasReady) this.ready.add(agent.name);
    const session = new AgentSession(
      {
        runtime: this.deps.runtime,
        store: this.deps.store,
        largeLines: this.deps.largeLines,
        clock: this.deps.clock,
        logger: this.options.logger.child({ agent: agent.name }),
      },
      {
        claim: this.options.claim,
        handle,
        protocol: this.deps.protocols[agent.protocol],
        dialogue: {
          runId: run.id,
          agent,
          cwd: this.deps.runtime.workspacePath(run.id),
          teamTools: this.teamToolsOf(agent.name),
        },
        cursor: deployed?.cursor ?? START_OF_OUTPUT,
        usage: deployed?.usage ?? null,
        isAdopted: this.options.isAdopted,
        wasReady,
        expectedTurns: [...(wasPrompted ? [promptTurnId(run.id)] : []), ...this.delegations.turnsOf(agent.name)],
        longestLineBytes: this.deps.options.longestLineBytes,
        carried: { tools: this.toolSessions.get(agent.name)?.endpoint ?? null, network: this.network.current },
        activeAt: this.activeAt(run, agent),
        output: this.output,
        mask: this.options.mask.current,
        emit: (event) => {
          if (event.kind === 'changed') this.noteChange(run, agent);
          this.options.emit(event);
        },
      },
    );
    this.sessions.add(agent.name, session);
    void session.run();
  }

  private teamToolsOf(agent: string): DialogueOptions['teamTools'] {
    const toolSession = this.toolSessions.get(agent);
    return toolSession === undefined ? null : toolSession.serverAt(this.deps.runtime.toolsPath(toolSession.endpoint));
  }

  private noteChange(run: Run, agent: Agent): void {
    if (this.sessions.observed(agent.name).dialogue?.handshake.status === 'ready') this.noteReady(run, agent);
    this.delegations.noteChange();
  }

  /** For those who watch while others are still coming up; the last one is noted with the permit to prompt. */
  private noteReady(run: Run, agent: Agent): void {
    if (this.ready.has(agent.name)) return;
    this.ready.add(agent.name);
    this.options.logger.info({ agent: agent.name }, 'agent ready');
    if (this.ready.size === run.plan.agents.length) return;
    const readyAt = this.deps.clock.now();
    this.save(() => this.deps.store.saveAgent(this.options.claim, agent.name, { readyAt }));
  }

  /** Saves run beside the dialogue; `settleSaves` waits for them before the prompt. */
  private save(write: () => Promise<void>): void {
    const work = retrying(this.deps.clock, () => this.isReleased, write);
    work.catch((error: unknown) => this.options.emit({ kind: 'failed', error }));
    this.saves = Promise.allSettled([this.saves, work]);
  }

  private observedWrite(run: Run): PromptWrite {
    if (this.promptWrite.status !== 'not_ours') return this.promptWrite;
    const readableSince = this.leaderSession(run)?.readableSince ?? null;
    const until = evidenceUntil(readableSince, this.promptWrite.sinceMs, this.deps.options.evidenceMs);
    return { status: 'not_ours', evidenceUntil: until };
  }

  private leaderSession(run: Run): AgentSession | undefined {
    const leader = run.plan.agents.find(({ role }) => role === 'leader');
    return leader && this.sessions.get(leader.name);
  }

  private catchingUpUntil(run: Run): Date {
    const caughtUpAt = this.leaderSession(run)?.caughtUpAt;
    const latest = this.takenAt + CATCH_UP_MS.old;
    return new Date(caughtUpAt ? Math.min(latest, caughtUpAt.getTime() + CATCH_UP_MS.new) : latest);
  }

  private observeAgent(agent: Agent): AgentObservation {
    return {
      name: agent.name,
      role: agent.role,
      deploy: this.deployer?.progressOf(agent.name) ?? { status: 'not_asked' },
      handshakeDeadlineAt: this.handshakeDeadlines.get(agent.name) ?? null,
      idleDeadlineAt: this.idleDeadlineOf(agent),
      ...this.sessions.observed(agent.name),
    };
  }

  /** Waiting for a teammate is no silence, and neither is the time in which its answer is read. */
  private idleDeadlineOf({ name, idleTimeoutMs }: Agent): Date | null {
    const session = this.sessions.get(name);
    if (idleTimeoutMs === undefined || !session) return null;
    const isWaiting = this.delegations.isWaiting(name);
    const hasWaited = this.waiting.delete(name);
    if (isWaiting) this.waiting.add(name);
    if (isWaiting || hasWaited) session.noteActive();
    return isWaiting ? null : session.idleDeadline(idleTimeoutMs);
  }

  /** Of an agent that has delegated it is not stored when the last answer came: its silence is measured from now on. */
  private activeAt(run: Run, agent: Agent): Date {
    const { activeAt } = run.deployment?.agents.find(({ name }) => name === agent.name) ?? {};
    const permittedAt = run.prompt.state === 'none' ? null : run.prompt.permittedAt;
    const known = agent.role === 'leader' ? latest(activeAt ?? null, permittedAt) : (activeAt ?? null);
    return (this.options.isAdopted && !this.delegations.hasDelegated(agent.name) && known) || this.deps.clock.now();
  }
}

function latest(a: Date | null, b: Date | null): Date | null {
  return a && b ? (a > b ? a : b) : (a ?? b);
}
