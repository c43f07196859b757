import type { TimeSource } from '@crewtab/domain/ports/clock';
import type { AgentSpec, DeploymentSpec } from '@crewtab/domain/ports/runtime';
import type { ToolAnswer, ToolCall } from '@crewtab/domain/ports/tool-server';
import type { FakeAgent, FakeAgentIo, FakeProgram } from '../fakes/runtime/fake-agent';
import { FakeEngine } from '../fakes/runtime/fake-engine';
import { InMemoryArtifactStore } from '../fakes/stores/in-memory-artifact-store';
import { InMemoryDelegationStore } from '../fakes/stores/in-memory-delegation-store';
import { InMemoryFireStore } from '../fakes/stores/in-memory-fire-store';
import { InMemoryRunStore } from '../fakes/stores/in-memory-run-store';
import { fakeUuid } from '../fakes/stores/stored-run';
import { Faults } from './faults';
import type { ClaimWatch } from './gated-ports';
import { GIVEN_FILE, LEFT_FILE, type HistoryPlan } from './history-plan';
import { LiveChecks } from './live-checks';
import { Processes } from './processes';
import { ScheduleBook } from './schedule-book';
import { agentProgram, type AgentRecord, type AgentWorld, type DelegateCall } from './sim-agents';
import { SimEgressProxy } from './sim-egress-proxy';
import type { PlannedCallFault, Port, SimProcess } from './sim-process';
import { SimRedis } from './sim-redis';
import { SimToolServer } from './sim-tool-server';
import { Tally } from './tally';
import { Timeline } from './timeline';
import { Violations } from './violations';
import { VirtualTime } from './virtual-time';
import { WitnessedHosts } from './witnessed-hosts';
import type { World } from './world';

const BRIDGE_RETRY_MS = 1_000;
/** In the answer to a call that took too long: see libs/orchestrator/running/team-tools.ts. */
const HANDLE = /Its handle is (\S+)/;
const QUESTION = /\(question (\S+)\):/g;

/** One simulated installation: a database, Redis, engines with their agents, and the processes of the product. */
export class SimWorld implements World, AgentWorld {
  readonly time: VirtualTime;
  readonly timeline: Timeline;
  readonly tally = new Tally();
  readonly violations: Violations;
  readonly store: InMemoryRunStore;
  readonly hosts: WitnessedHosts;
  readonly fires: InMemoryFireStore;
  readonly delegations: InMemoryDelegationStore;
  readonly timeSource: TimeSource;
  readonly artifacts = new InMemoryArtifactStore();
  readonly redis: SimRedis;
  readonly engines: readonly FakeEngine[];
  readonly toolServers: readonly SimToolServer[];
  readonly egressProxies: readonly SimEgressProxy[];
  readonly schedules: ScheduleBook;
  readonly processes: Processes;
  readonly faults: Faults;
  readonly checks: LiveChecks;
  readonly records = new Map<string, AgentRecord>();
  readonly locks = new Map<string, SimProcess>();
  readonly installationId = fakeUuid(1, 5);

  constructor(
    readonly plan: HistoryPlan,
    isVerbose: boolean,
  ) {
    this.time = new VirtualTime(plan.startAt);
    this.timeline = new Timeline(this.time, isVerbose);
    this.violations = new Violations(this);
    this.timeSource = { now: () => Promise.resolve(this.time.now()) };
    this.store = new InMemoryRunStore(this.time);
    this.schedules = new ScheduleBook(this);
    this.fires = new InMemoryFireStore(this.time, this.store, (scheduleId) => this.schedules.planOf(scheduleId));
    this.hosts = new WitnessedHosts(this.store, this.time);
    this.delegations = new InMemoryDelegationStore(this.store);
    const hosts = Array.from({ length: plan.hosts });
    this.engines = hosts.map(() => new FakeEngine({ clock: this.time, programFor: (...of) => this.programFor(...of) }));
    this.toolServers = hosts.map(() => new SimToolServer());
    this.egressProxies = hosts.map(() => new SimEgressProxy());
    this.redis = new SimRedis(this.time, () => this.processes.consumers(), plan.seed);
    this.processes = new Processes(this);
    this.faults = new Faults(this);
    const decoys = this.engines.flatMap((engine) => placeDecoys(engine, this.installationId));
    this.checks = new LiveChecks(this, () => this.faults.calmSinceMs, decoys);
  }

  get slowCalls(): number {
    return this.plan.slowCalls;
  }

  async start(): Promise<void> {
    await this.checks.start();
    this.schedules.createAll();
    this.processes.startAll();
  }

  nowMs(): number {
    return this.time.monotonicMs();
  }

  note(who: string, text: string): void {
    this.timeline.note(who, text);
  }

  takeFault(call: string): PlannedCallFault | null {
    return this.faults.take(call);
  }

  isCut(process: SimProcess, port: Port): boolean {
    return this.faults.isCut(process, port);
  }

  crash(process: SimProcess, downMs: number): void {
    this.processes.crash(process, downMs);
  }

  freeze(process: SimProcess, ms: number): void {
    this.processes.freeze(process, ms);
  }

  disturb(ms: number): void {
    this.faults.disturb(ms);
  }

  hang(ms: number): Promise<void> {
    return this.faults.hang(ms);
  }

  watchClaims(who: string): ClaimWatch {
    return this.checks.watchClaims(who);
  }

  record(runId: string, agent: string): AgentRecord {
    const key = `${runId}/${agent}`;
    const known = this.records.get(key);
    if (known) return known;
    const made: AgentRecord = { agent, turns: new Map(), said: '', firstWorkAtMs: null, exceeded: null };
    this.records.set(key, made);
    return made;
  }

  /** Follows a handle until there is an answer, as agents are told to. */
  delegate(io: FakeAgentIo, call: DelegateCall, answered: () => void): void {
    const { id, agent, to, task = `help with ${id}` } = call;
    let waits = 0;
    const hear = (answer: ToolAnswer): void => {
      this.answerQuestions(io, agent, answer);
      const handle = 'text' in answer ? HANDLE.exec(answer.text)?.[1] : undefined;
      if (handle === undefined) return answered();
      this.tally.add('handle');
      this.callTool(io, { id: `${id}/wait-${++waits}`, agent, tool: 'wait', arguments: { handle } }, hear);
    };
    this.tally.add('delegation');
    this.callTool(io, { id, agent, tool: 'delegate', arguments: { agent: to, task } }, hear);
  }

  ask(io: FakeAgentIo, { id, agent }: { readonly id: string; readonly agent: string }, answered: () => void): void {
    this.tally.add('question');
    const question = `what of ${id}`;
    this.callTool(io, { id, agent, tool: 'ask', arguments: { question } }, (answer) => {
      if ('text' in answer && answer.text === `an answer to ${id}`) this.tally.add('answered question');
      answered();
    });
  }

  private answerQuestions(io: FakeAgentIo, agent: string, answer: ToolAnswer): void {
    const words = 'text' in answer ? answer.text : answer.error;
    for (const [, question = ''] of words.matchAll(QUESTION)) {
      const args = { question, text: `an answer to ${question}` };
      this.callTool(io, { id: `${question}/answer`, agent, tool: 'answer', arguments: args }, () => undefined);
    }
  }

  /** As the bridge in the container does: the same call again until it is answered. */
  private callTool(io: FakeAgentIo, call: ToolCall, answered: (answer: ToolAnswer) => void): void {
    const toolServer = this.toolServers[this.hostOf(io)];
    const begunAtMs = this.nowMs();
    const attempt = (): void => {
      const again = (): void => io.after(BRIDGE_RETRY_MS, attempt);
      const waitedMs = this.nowMs() - begunAtMs;
      toolServer?.call(io.deployment.runId, { ...call, waitedMs }, answered, again);
    };
    attempt();
  }

  connect(io: FakeAgentIo, host: string): void {
    if (io.deployment.network.kind !== 'allowlist') return;
    const isServed = this.egressProxies[this.hostOf(io)]?.connect(io.deployment.runId, host) ?? false;
    this.tally.add(isServed ? 'connection served' : 'connection broken');
  }

  fillDisk(io: FakeAgentIo, bytes: number): void {
    this.engines[this.hostOf(io)]?.diskBytes.set(io.deployment.runId, bytes);
  }

  leaveFile(io: FakeAgentIo): void {
    const content = Buffer.from(`of ${io.deployment.runId}`);
    this.engines[this.hostOf(io)]?.files.set(`${io.deployment.runId}/${LEFT_FILE}`, { content, mode: 0o644 });
  }

  private checkWorkspace(runId: string, agent: string): void {
    this.tally.add('filled workspace');
    const isFilled = this.engines.some(({ files }) => files.has(`${runId}/${GIVEN_FILE}`));
    if (!isFilled) this.violations.add('I6', runId, `${agent} was made before the workspace was filled`);
  }

  private hostOf(io: FakeAgentIo): number {
    return this.engines.findIndex((engine) => engine.agents.some((one) => one === io));
  }

  private programFor(agent: AgentSpec, { runId, installationId }: DeploymentSpec): FakeProgram {
    if (installationId !== this.installationId) return {};
    const run = this.store.all().find(({ id }) => id === runId);
    const script = run && this.schedules.scriptOfSchedule(run.scheduleId ?? '');
    const one = script?.agents.find(({ name }) => name === agent.name);
    if (script?.verify && agent.name === 'verify') return verifyProgram(script.verify, this.tally);
    if (!script || !one) return {};
    // A call that comes too late may make one of a run that is being removed.
    if (script.isFilled && run?.phase === 'deploying') this.checkWorkspace(runId, one.name);
    const mates = script.agents.filter(({ role }) => role === 'worker').map(({ name }) => name);
    return agentProgram(one, mates, this);
  }
}

function verifyProgram({ ms, passes }: { readonly ms: number; readonly passes: boolean }, tally: Tally): FakeProgram {
  tally.add('verification');
  return { onStart: (io) => io.after(ms, () => io.exit(passes ? 0 : 1)) };
}

/** Containers of another installation that look like ours: by their names, or by a run's id under another installation. */
function placeDecoys(engine: FakeEngine, installationId: string): FakeAgent[] {
  const looks = [
    { installationId: '', runId: '', name: 'sim-team-run-00000' },
    { installationId: fakeUuid(2, 5), runId: fakeUuid(1, 1), name: 'sim-team-run-000001-copy' },
    { installationId: `${installationId}0`, runId: fakeUuid(2, 1), name: 'sim-team-run-000002x' },
  ];
  return looks.map((look) => {
    const shared = {
      epoch: 1,
      deadlineAt: engine.clock.now(),
      network: { kind: 'open', hasOwnBridge: false },
      agents: [],
    } as const;
    const agent = {
      name: 'lead',
      image: null,
      command: null,
      env: {},
      resources: {},
      stdin: 'open',
      tools: null,
    } as const;
    const decoy = engine.createAgent({ ...look, ...shared }, agent);
    decoy.start();
    return decoy;
  });
}
