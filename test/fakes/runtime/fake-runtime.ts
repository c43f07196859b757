import { AppError } from '@crewtab/domain/errors';
import type {
  AgentChannel,
  AgentProcess,
  AgentSpec,
  AgentUnit,
  DeployOptions,
  DeploymentSpec,
  EndedAgent,
  FoundFile,
  HostIdentity,
  Leftover,
  ProgramResult,
  ProgramSpec,
  RunResources,
  Runtime,
  StopOptions,
  Subscription,
  TeardownReport,
  ToolEndpoint,
  WorkspaceFile,
} from '@crewtab/domain/ports/runtime';
import { workspacePath } from '@crewtab/domain/runs/workspace-path';
import type { FakeAgent } from './fake-agent';
import { FakeChannel, type FakeChannelHooks } from './fake-channel';
import { FakeEngine, type FakeEngineOptions, type FakeShared } from './fake-engine';
import { filesAt, runFakeProgram } from './fake-workspace';
import { Faults, withFault } from './faults';

export type FakeOperation =
  | 'identify'
  | 'prepare'
  | 'ensureAgent'
  | 'inspect'
  | 'open'
  | 'write'
  | 'endInput'
  | 'putFiles'
  | 'readFiles'
  | 'runProgram'
  | 'stop'
  | 'teardown'
  | 'list'
  | 'measureDisk';

/**
 * The Runtime port in memory. Agents are `FakeProgram`s chosen by `programFor`; `faults` makes the next call of an
 * operation fail, lose its reply or hang; `engine` is what outlives the worker: hand it to a second FakeRuntime to play
 * the worker that adopts.
 *
 * Under a FakeClock a teardown with grace waits, for agents that ignore SIGTERM, until the test advances the clock.
 */
export class FakeRuntime implements Runtime {
  readonly kind = 'docker';
  readonly engine: FakeEngine;
  readonly faults = new Faults<FakeOperation>();
  /** Every operation that was called, in order, with the name or handle that it was about. */
  readonly calls: { readonly operation: FakeOperation; readonly subject: string }[] = [];
  private isClosed = false;
  private readonly channels = new Set<FakeChannel>();
  private readonly subscriptions = new Map<Subscription, (ended: EndedAgent | null) => void>();

  constructor(
    engine: FakeEngine | FakeEngineOptions = {},
    private readonly hostId = 'fake-host',
  ) {
    this.engine = engine instanceof FakeEngine ? engine : new FakeEngine(engine);
  }

  identify(): Promise<HostIdentity> {
    return this.run('identify', this.hostId, () => ({ id: this.hostId, description: 'in memory' }));
  }

  prepare(deployment: DeploymentSpec, options: DeployOptions): Promise<void> {
    const effect = (): void => {
      for (const { image } of deployment.agents) if (image !== null) this.requireImage(image);
      if (deployment.network.kind === 'open' && deployment.network.hasOwnBridge)
        this.engine.createShared('network', deployment.name, deployment);
      this.engine.createShared('volume', `${deployment.name}-workspace`, deployment);
    };
    return this.run('prepare', deployment.name, effect, options.signal);
  }

  ensureAgent(deployment: DeploymentSpec, agent: AgentSpec, options: DeployOptions): Promise<AgentUnit> {
    const name = `${deployment.name}-${agent.name}`;
    const effect = (isHalf: boolean): AgentUnit => {
      const existing = this.engine.byName(name);
      if (existing && existing.deployment.runId !== deployment.runId) {
        throw new AppError('name_conflict', `the name ${name} belongs to something else`);
      }
      if (!existing && agent.image !== null) this.requireImage(agent.image);
      const container = existing ?? this.engine.createAgent(deployment, agent);
      if (!isHalf) container.start();
      return { handle: container.handle, container: name };
    };
    return this.run('ensureAgent', name, effect, options.signal);
  }

  workspacePath(): string {
    return '/workspace';
  }

  toolsPath({ hostFolder }: ToolEndpoint): string {
    return hostFolder;
  }

  inspect(handle: string): Promise<AgentProcess> {
    return this.run('inspect', handle, () => this.engine.byHandle(handle)?.process ?? { status: 'absent' });
  }

  open(handle: string, longestLineBytes?: number): Promise<AgentChannel> {
    return this.run('open', handle, () => {
      const takeFault: FakeChannelHooks['takeFault'] = (operation) => {
        this.calls.push({ operation, subject: handle });
        return this.faults.take(operation);
      };
      const hooks: FakeChannelHooks = { takeFault, onClose: (closed) => this.channels.delete(closed) };
      const channel = new FakeChannel(this.engine.byHandle(handle), hooks, longestLineBytes);
      this.channels.add(channel);
      return channel;
    });
  }

  putFiles(deployment: DeploymentSpec, files: readonly WorkspaceFile[]): Promise<void> {
    return this.run('putFiles', deployment.name, () => {
      const named = files.map((file) => [`${deployment.runId}/${workspacePath(file.path)}`, file] as const);
      for (const [key, { content, mode }] of named) this.engine.files.set(key, { content, mode });
    });
  }

  async *readFiles(deployment: DeploymentSpec, path: string): AsyncGenerator<FoundFile> {
    yield* await this.run('readFiles', deployment.name, () => filesAt(this.engine, deployment.runId, path));
  }

  runProgram(deployment: DeploymentSpec, program: ProgramSpec, signal: AbortSignal): Promise<ProgramResult> {
    const effect = (): Promise<ProgramResult> =>
      runFakeProgram(this.engine, deployment, program, signal, () => this.isClosed);
    return this.run('runProgram', deployment.name, effect, signal);
  }

  watch(installationId: string, onEnded: (ended: EndedAgent | null) => void): Subscription {
    const stop = this.engine.onExit((endedIn, ended) => {
      if (endedIn === installationId && this.subscriptions.has(subscription)) onEnded(ended);
    });
    const subscription = {
      close: (): void => {
        stop();
        this.subscriptions.delete(subscription);
      },
    };
    this.subscriptions.set(subscription, onEnded);
    return subscription;
  }

  stop(installationId: string, runId: string, { graceMs, epoch }: StopOptions): Promise<void> {
    return this.run('stop', runId, async () => {
      const found = this.engine.agents.filter(
        ({ deployment }) =>
          deployment.installationId === installationId && deployment.runId === runId && deployment.epoch <= epoch,
      );
      const isProgram = ({ deployment, agent }: FakeAgent): boolean =>
        !deployment.agents.some(({ name }) => name === agent.name);
      for (const one of found) if (isProgram(one)) this.engine.remove(one);
      await this.end(
        found.filter((one) => !isProgram(one)),
        graceMs,
      );
    });
  }

  teardown(installationId: string, runId: string, options: { graceMs: number }): Promise<TeardownReport> {
    return this.run('teardown', runId, async () => {
      const belongs = (of: { installationId: string; runId: string }): boolean =>
        of.installationId === installationId && of.runId === runId;
      const agents = this.engine.agents.filter((agent) => belongs(agent.deployment));
      await this.end(agents, options.graceMs);
      const resources = [...agents, ...this.engine.shared.filter(belongs)];
      return this.removeAll(resources);
    });
  }

  list(installationId: string): Promise<RunResources[]> {
    return this.run('list', installationId, () => this.engine.resourcesByRun(installationId));
  }

  measureDisk(installationId: string): Promise<ReadonlyMap<string, number> | null> {
    return this.run('measureDisk', installationId, () => this.engine.diskBytes);
  }

  close(): Promise<void> {
    this.isClosed = true;
    for (const channel of [...this.channels]) channel.close();
    for (const subscription of [...this.subscriptions.keys()]) subscription.close();
    return Promise.resolve();
  }

  /** Cuts every connection of this runtime to the engine and repairs the subscriptions at once. */
  breakConnections(): void {
    for (const channel of this.channels) channel.breakConnection();
    for (const onEnded of this.subscriptions.values()) onEnded(null);
  }

  /** Channels and subscriptions that were not closed. */
  get openHandles(): number {
    return this.channels.size + this.subscriptions.size;
  }

  /** How often an operation was called. */
  callsOf(operation: FakeOperation): number {
    return this.calls.filter((call) => call.operation === operation).length;
  }

  private run<T>(
    operation: FakeOperation,
    subject: string,
    effect: (isHalf: boolean) => T | Promise<T>,
    signal: AbortSignal | null = null,
  ): Promise<T> {
    this.calls.push({ operation, subject });
    return withFault(this.faults.take(operation), signal, effect);
  }

  private requireImage(image: string): void {
    if (this.engine.missingImages.has(image)) throw new AppError('image_not_found', `no such image: ${image}`);
  }

  private async end(agents: readonly FakeAgent[], graceMs: number): Promise<void> {
    if (graceMs > 0) {
      for (const agent of agents) agent.terminate();
      await this.untilEnded(agents, graceMs);
    }
    for (const agent of agents) agent.kill();
  }

  private async untilEnded(agents: readonly FakeAgent[], graceMs: number): Promise<void> {
    const hasEnded = (): boolean => agents.every((agent) => !agent.isRunning);
    if (hasEnded()) return;
    await new Promise<void>((resolve) => {
      const cleanUps = agents.map((agent) => agent.onChange(() => hasEnded() && finish()));
      const cancel = this.engine.clock.after(graceMs, () => finish());
      const finish = (): void => {
        cancel();
        for (const cleanUp of cleanUps) cleanUp();
        resolve();
      };
    });
  }

  private removeAll(resources: readonly (FakeAgent | FakeShared)[]): TeardownReport {
    const removed: Record<string, number> = {};
    const left: Leftover[] = [];
    for (const resource of resources) {
      const name = 'containerName' in resource ? resource.containerName : resource.name;
      const kind = 'containerName' in resource ? 'container' : resource.kind;
      if (this.engine.resists(name)) {
        left.push({ kind, name, reason: 'it resists' });
      } else {
        this.engine.remove(resource);
        removed[kind] = (removed[kind] ?? 0) + 1;
      }
    }
    return { removed, left };
  }
}
