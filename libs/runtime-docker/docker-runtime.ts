import type { Readable } from 'node:stream';
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
  ProgramResult,
  ProgramSpec,
  RunResources,
  Runtime,
  StopOptions,
  Subscription,
  TeardownReport,
  WorkspaceFile,
} from '@crewtab/domain/ports/runtime';
import type { WorkspaceKeeper } from '@crewtab/domain/ports/kept-workspaces';
import type { ImageEngine } from '@crewtab/domain/ports/host-images';
import { AgentDeployer } from './agents/agent-deployer';
import { imagesOf, GuardPrograms } from './agents/container-spec';
import { openChannel } from './output/docker-channel';
import {
  settingsFrom,
  TOOLS_DIR,
  WORKSPACE_DIR,
  type DockerRuntimeOptions,
  type DockerSettings,
} from './docker-options';
import { EngineClient, toAppError } from './engine/engine-client';
import { ExitWatch } from './agents/exit-watch';
import { ImageFactsBook, Images } from './images/images';
import { inspectAgent } from './output/guarded-output';
import { Networks } from './resources/networks';
import { findResources, groupByRun, stopRun, tearDown } from './resources/run-resources';
import { runProgram } from './agents/run-program';
import { measureDisk } from './resources/disk-usage';
import { KeptVolumes } from './resources/kept-volumes';
import { Workspaces } from './resources/workspace';
import { WorkspaceFiles } from './resources/workspace-files';

/**
 * Teams in containers of a Docker engine: one container an agent, one shared volume a run, the host's shared bridge or
 * a network of the run's own. Nothing is kept in this process that another one could not find out from the engine.
 */
export class DockerRuntime implements Runtime {
  /** Beside of runs. */
  readonly imageEngine: ImageEngine = {
    has: async (image) => (await this.images.find(image)) !== null,
    ensure: async (image, options) => void (await this.images.ensure(image, options)),
  };
  /** Workspaces that stay between runs. */
  readonly workspaceKeeper: WorkspaceKeeper;
  readonly kind = 'docker';
  private readonly engine: EngineClient;
  private readonly images: Images;
  private readonly networks: Networks;
  private readonly factsBook: ImageFactsBook;
  private readonly guards: GuardPrograms;
  private readonly deployer: AgentDeployer;
  private readonly workspaces: Workspaces;
  private readonly files: WorkspaceFiles;
  private readonly settings: DockerSettings;
  private readonly channels = new Set<AgentChannel>();
  private readonly subscriptions = new Set<Subscription>();

  constructor(private readonly options: DockerRuntimeOptions) {
    const settings = settingsFrom(options);
    this.settings = settings;
    this.engine = new EngineClient(options.dockerHost, settings);
    this.workspaceKeeper = new KeptVolumes(this.engine);
    this.images = new Images(this.engine, options.imageSources, async () => (await this.identify()).id);
    this.networks = new Networks(this.engine, settings);
    this.factsBook = new ImageFactsBook(this.engine, this.images);
    this.guards = new GuardPrograms(this.engine, settings.guardFolder);
    this.deployer = new AgentDeployer(this.engine, this.factsBook, this.guards, this.networks, settings);
    this.workspaces = new Workspaces({ engine: this.engine, factsBook: this.factsBook, guards: this.guards, settings });
    this.files = new WorkspaceFiles(this.engine, this.factsBook, this.workspaces);
  }

  async identify(): Promise<HostIdentity> {
    try {
      const info = (await this.engine.read('info', () => this.engine.docker.info())) as EngineInfo;
      const isUnguarded = (await this.guards.guard()) === null;
      const id = this.options.hostName ?? (info.ID || info.Name);
      return {
        id: id.replace(/[^A-Za-z0-9_-]/g, '-'),
        description: `Docker ${info.ServerVersion} on ${info.OperatingSystem}${isUnguarded ? ', no guard for agents' : ''}`,
      };
    } catch (error) {
      throw toAppError(error);
    }
  }

  async prepare(deployment: DeploymentSpec, options: DeployOptions): Promise<void> {
    const workspace = { isInMemory: false };
    await allOrAbort(options.signal, [
      (signal) => this.networks.ensure(deployment, signal),
      async (signal) => {
        workspace.isInMemory = await this.workspaces.ensure(deployment, signal);
      },
      ...imagesOf(deployment).map(
        (image) => (signal: AbortSignal) => this.factsBook.prepare(image, deployment, { ...options, signal }),
      ),
    ]);
    if (workspace.isInMemory) await this.workspaces.keep(deployment, options);
  }

  ensureAgent(deployment: DeploymentSpec, agent: AgentSpec, options: DeployOptions): Promise<AgentUnit> {
    return this.deployer.ensure(deployment, agent, options);
  }

  workspacePath(): string {
    return WORKSPACE_DIR;
  }

  toolsPath(): string {
    return TOOLS_DIR;
  }

  inspect(handle: string): Promise<AgentProcess> {
    return inspectAgent(this.engine, handle);
  }

  async open(handle: string, longestLineBytes?: number): Promise<AgentChannel> {
    const { logger } = this.options;
    const onClose = (closed: AgentChannel): void => void this.channels.delete(closed);
    const channel = await openChannel(this.engine, handle, { onClose, logger, longestLineBytes });
    this.channels.add(channel);
    return channel;
  }

  putFiles(deployment: DeploymentSpec, files: readonly WorkspaceFile[]): Promise<void> {
    return this.files.put(deployment, files);
  }

  readFiles(deployment: DeploymentSpec, path: string): AsyncIterable<FoundFile> {
    return this.files.read(deployment, path);
  }

  runProgram(deployment: DeploymentSpec, program: ProgramSpec, signal: AbortSignal): Promise<ProgramResult> {
    const { engine, factsBook, guards, networks, workspaces, settings } = this;
    return runProgram({ engine, factsBook, guards, networks, workspaces, settings }, deployment, program, signal);
  }

  watch(installationId: string, onEnded: (ended: EndedAgent | null) => void): Subscription {
    const watch = new ExitWatch(this.engine, installationId, onEnded, () => this.subscriptions.delete(watch));
    this.subscriptions.add(watch);
    return watch;
  }

  stop(installationId: string, runId: string, options: StopOptions): Promise<void> {
    return stopRun(this.engine, installationId, runId, options);
  }

  teardown(installationId: string, runId: string, options: { graceMs: number }): Promise<TeardownReport> {
    return tearDown(this.engine, installationId, runId, options.graceMs);
  }

  async list(installationId: string): Promise<RunResources[]> {
    return groupByRun(await findResources(this.engine, installationId), Date.now());
  }

  measureDisk(installationId: string): Promise<ReadonlyMap<string, number> | null> {
    return measureDisk(this.engine, installationId);
  }

  close(): Promise<void> {
    for (const channel of [...this.channels]) channel.close();
    for (const subscription of [...this.subscriptions]) subscription.close();
    this.engine.close();
    return Promise.resolve();
  }

  /** Whether the engine has an image of that name. */
  async hasImage(reference: string): Promise<boolean> {
    return (await this.images.find(reference)) !== null;
  }

  /**
   * Makes a local image of a root file system, for hosts that reach no registry.
   * @param tar a stream of an uncompressed tar, or the path of one
   * @param changes Dockerfile instructions such as `CMD ["node", "agent.js"]`
   */
  importImage(tar: Readable | string, reference: string, changes: readonly string[] = []): Promise<void> {
    return this.images.import(tar, reference, changes);
  }
}

interface EngineInfo {
  readonly ID: string;
  readonly Name: string;
  readonly ServerVersion: string;
  readonly OperatingSystem: string;
}

/**
 * Runs calls side by side. The first failure aborts the others, and is thrown only when none of them is under way any
 * more, so that a clean-up after it finds everything that they made.
 */
export async function allOrAbort(
  signal: AbortSignal,
  calls: readonly ((signal: AbortSignal) => Promise<unknown>)[],
): Promise<void> {
  const abort = new AbortController();
  let first: { readonly error: unknown } | null = null;
  const both = AbortSignal.any([signal, abort.signal]);
  const running = calls.map((call) =>
    call(both).catch((error: unknown) => {
      first ??= { error };
      abort.abort(error);
    }),
  );
  await Promise.all(running);
  const failure = first as { readonly error: unknown } | null;
  if (failure) throw failure.error;
}
