import { randomUUID } from 'node:crypto';
import type {
  AgentChannel,
  AgentSpec,
  DeploymentSpec,
  EndedAgent,
  NetworkEndpoint,
  ProgramSpec,
  Runtime,
} from '@crewtab/domain/ports/runtime';
import type { AgentResources } from '@crewtab/domain/teams/team';
import type { Behaviour } from './behaviours';
import { LineReader } from './line-reader';

/** What a runtime's spec hands to the contract suite. */
export interface RuntimeContractSetup {
  readonly runtime: Runtime;
  /** A second instance on the same host, as another worker has it. The suite closes it. */
  anotherWorker(): Runtime | Promise<Runtime>;
  /** Image and command of a program that behaves so. */
  program(behaviour: Behaviour): Pick<AgentSpec, 'image' | 'command'>;
  /** The kind of resource that an agent is to this runtime. */
  readonly agentKind: string;
  readonly network: NetworkEndpoint;
  /**
   * Makes something on the host that looks like the run's own (names that begin with `deploymentName`) but does not
   * belong to it. Null where nothing can look alike.
   */
  lookAlike(deploymentName: string): Promise<LookAlike> | null;
  /** Called at the end, after the runtimes are closed. */
  dispose?(): Promise<void>;
}

export interface LookAlike {
  isIntact(): Promise<boolean>;
  remove(): Promise<void>;
}

export interface RuntimeContractSupport {
  /** The engine limits memory and says when it was exceeded. */
  readonly oom: boolean;
  /** Agents can be ended and their workspace be left. */
  readonly stop: boolean;
}

type AgentOptions = Partial<Pick<AgentSpec, 'stdin' | 'env' | 'tools' | 'files'>> & {
  readonly resources?: AgentResources;
};

/** Deployments made in one test, so that whatever the test did, all of it is removed again. */
export class ContractFixture {
  readonly installationId = `contract-${randomUUID()}`;
  readonly runtime: Runtime;
  private readonly runtimes: Runtime[];
  private readonly deployments: DeploymentSpec[] = [];
  private readonly channels: AgentChannel[] = [];
  private readonly lookAlikes: LookAlike[] = [];

  constructor(readonly setup: RuntimeContractSetup) {
    this.runtime = setup.runtime;
    this.runtimes = [setup.runtime];
  }

  deployment(overrides: Partial<DeploymentSpec> = {}): DeploymentSpec {
    const runId = randomUUID();
    const made: DeploymentSpec = {
      installationId: this.installationId,
      runId,
      name: `contract-run-${runId.slice(-6)}`,
      epoch: 1,
      deadlineAt: new Date(Date.now() + 600_000),
      network: this.setup.network,
      agents: [],
      ...overrides,
    };
    this.deployments.push(made);
    return made;
  }

  agent(name: string, behaviour: Behaviour, options: AgentOptions = {}): AgentSpec {
    const { image, command } = this.setup.program(behaviour);
    return { name, image, command, env: {}, resources: {}, stdin: 'open', tools: null, ...options };
  }

  program(behaviour: Behaviour): ProgramSpec {
    const { image, command } = this.setup.program(behaviour);
    const limits = { timeLimitMs: 30_000, outputLimitBytes: 1_000_000 };
    return {
      name: 'check',
      image,
      command: command ?? [],
      env: {},
      resources: {},
      network: { kind: 'none' },
      ...limits,
    };
  }

  async prepared(overrides: Partial<DeploymentSpec> = {}): Promise<DeploymentSpec> {
    const deployment = this.deployment(overrides);
    await this.runtime.prepare(deployment, deployOptions());
    return deployment;
  }

  /** Prepares a deployment with one agent and starts it. */
  async started(
    behaviour: Behaviour,
    options: AgentOptions = {},
  ): Promise<{ deployment: DeploymentSpec; agent: AgentSpec; handle: string }> {
    const agent = this.agent('solo', behaviour, options);
    const deployment = await this.prepared({ agents: [agent] });
    return { deployment, agent, handle: await this.ensure(deployment, agent) };
  }

  /** @returns the agent's handle */
  async ensure(deployment: DeploymentSpec, agent: AgentSpec, runtime = this.runtime): Promise<string> {
    return (await runtime.ensureAgent(deployment, agent, deployOptions())).handle;
  }

  async read(handle: string, runtime = this.runtime, longestLineBytes?: number): Promise<LineReader> {
    const channel = await runtime.open(handle, longestLineBytes);
    this.channels.push(channel);
    return new LineReader(channel);
  }

  async anotherWorker(): Promise<Runtime> {
    const runtime = await this.setup.anotherWorker();
    this.runtimes.push(runtime);
    return runtime;
  }

  /** Collects what `watch` reports until the test ends. */
  watch(installationId = this.installationId): (EndedAgent | null)[] {
    const seen: (EndedAgent | null)[] = [];
    this.runtime.watch(installationId, (ended) => seen.push(ended));
    return seen;
  }

  async lookAlike(deploymentName: string): Promise<LookAlike | null> {
    const made = await this.setup.lookAlike(deploymentName);
    if (made) this.lookAlikes.push(made);
    return made;
  }

  /** Removes everything; fails where something of this test's installations is left. */
  async dispose(): Promise<void> {
    for (const channel of this.channels) channel.close();
    const installations = new Set([this.installationId, ...this.deployments.map((made) => made.installationId)]);
    for (const { installationId, runId } of this.deployments)
      await this.runtime.teardown(installationId, runId, { graceMs: 0 });
    const left = await Promise.all([...installations].map((installation) => this.runtime.list(installation)));
    for (const lookAlike of this.lookAlikes) await lookAlike.remove();
    for (const runtime of this.runtimes) await runtime.close();
    await this.setup.dispose?.();
    expect(left.flat()).toEqual([]);
  }
}

export function deployOptions(): { signal: AbortSignal; onProgress: (text: string) => void } {
  return { signal: new AbortController().signal, onProgress: () => undefined };
}
