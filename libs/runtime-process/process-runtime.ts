import { hostname, type as systemName } from 'node:os';
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
import { translated } from '@crewtab/domain/system-errors';
import { AgentStarter } from './agent-starter';
import { AgentState } from './agent-state';
import { ExitWatch } from './exit-watch';
import { ProcessChannel } from './process-channel';
import { RunFolders } from './run-folders';
import { runProgram } from './run-program';
import { stopRun, tearDownRun } from './run-teardown';
import { putFiles, readFiles } from './workspace-files';

export interface ProcessRuntimeOptions {
  /** Absolute; all of the runtime lies in it. Workers that share it are one host. */
  readonly rootDir: string;
  /** PATH of the agents; normally the worker's own. */
  readonly searchPath: string;
  /** The host's id; default one that is made once and kept in the root directory. */
  readonly hostName?: string;
  /** LANG of the agents. */
  readonly locale?: string;
  /** How long an agent may take nothing of what is written to it, ms. Default 60 s. */
  readonly inputTimeoutMs?: number;
  /** The only command that agents may have; null or left out: any. */
  readonly onlyCommand?: readonly string[] | null;
  /** How long after its deadline an agent that no worker has ended is ended by its supervisor, ms. */
  readonly orphanGraceMs?: number;
}

/**
 * Teams as child processes of this machine, for a first try without a container engine.
 *
 * No isolation: an agent has the worker's rights, sees the host's files and network, and its limits (`resources`,
 * `network`) are not enforced. What it has of its own is its environment (its `env`, PATH, LANG, and a HOME and TMPDIR
 * that go with it; nothing of the worker's), its process group, and its directory.
 *
 * It keeps to the contract otherwise: agents outlive workers, and their output is read again from the beginning.
 */
export class ProcessRuntime implements Runtime {
  readonly kind = 'process';
  private readonly folders: RunFolders;
  private readonly starter: AgentStarter;
  private readonly openOnes = new Set<Subscription>();

  constructor(private readonly options: ProcessRuntimeOptions) {
    const { rootDir, searchPath, locale = 'C.UTF-8', orphanGraceMs = 60_000, onlyCommand = null } = options;
    this.folders = new RunFolders(rootDir);
    this.starter = new AgentStarter(this.folders, { searchPath, locale, orphanGraceMs, onlyCommand });
  }

  identify(): Promise<HostIdentity> {
    return translated('engine_error', async () => ({
      id: this.options.hostName ?? (await this.folders.hostId()),
      description: `child processes on ${hostname()} (${systemName()}), not isolated`,
    }));
  }

  workspacePath(runId: string): string {
    return this.folders.workspaceDir(runId);
  }

  toolsPath({ hostFolder }: ToolEndpoint): string {
    return hostFolder;
  }

  prepare(deployment: DeploymentSpec): Promise<void> {
    return translated('create_failed', () => this.folders.createRun(deployment));
  }

  ensureAgent(deployment: DeploymentSpec, agent: AgentSpec, { signal, now }: DeployOptions): Promise<AgentUnit> {
    return translated('create_failed', async () => {
      await this.folders.createRun(deployment);
      if (signal.aborted)
        throw new AppError('start_failed', `agent "${agent.name}" was not started: the deployment was called off`);
      await this.starter.ensure(deployment, agent, deployment.deadlineAt.getTime() - (now?.() ?? new Date()).getTime());
      return { handle: `${deployment.runId}/${agent.name}`, container: `${deployment.name}-${agent.name}` };
    });
  }

  inspect(handle: string): Promise<AgentProcess> {
    return translated('engine_error', () => this.stateOf(handle).inspect());
  }

  open(handle: string, longestLineBytes?: number): Promise<AgentChannel> {
    const { inputTimeoutMs = 60_000 } = this.options;
    const onClose = (closed: ProcessChannel): void => void this.openOnes.delete(closed);
    const channel = new ProcessChannel(this.stateOf(handle), inputTimeoutMs, onClose, longestLineBytes);
    this.openOnes.add(channel);
    return Promise.resolve(channel);
  }

  putFiles({ runId }: DeploymentSpec, files: readonly WorkspaceFile[]): Promise<void> {
    return translated('engine_error', () => putFiles(this.folders.workspaceDir(runId), files));
  }

  readFiles({ runId }: DeploymentSpec, path: string): AsyncIterable<FoundFile> {
    return readFiles(this.folders.workspaceDir(runId), path);
  }

  runProgram(deployment: DeploymentSpec, program: ProgramSpec, signal: AbortSignal): Promise<ProgramResult> {
    return translated('engine_error', () => runProgram(this.folders, this.starter, deployment, program, signal));
  }

  watch(installationId: string, onEnded: (ended: EndedAgent | null) => void): Subscription {
    const watch = new ExitWatch(this.folders.exitsDir(installationId), onEnded, (closed) =>
      this.openOnes.delete(closed),
    );
    this.openOnes.add(watch);
    return watch;
  }

  stop(installationId: string, runId: string, { graceMs }: StopOptions): Promise<void> {
    return translated('engine_error', () => stopRun(this.folders, installationId, runId, graceMs));
  }

  teardown(installationId: string, runId: string, { graceMs }: { graceMs: number }): Promise<TeardownReport> {
    return translated('engine_error', () => tearDownRun(this.folders, installationId, runId, graceMs));
  }

  list(installationId: string): Promise<RunResources[]> {
    return translated('engine_error', () => this.folders.list(installationId));
  }

  /** Files of this machine have no limit here: nothing is measured. */
  measureDisk(): Promise<ReadonlyMap<string, number>> {
    return Promise.resolve(new Map());
  }

  close(): Promise<void> {
    for (const each of [...this.openOnes]) each.close();
    return Promise.resolve();
  }

  private stateOf(handle: string): AgentState {
    const [runId = '', agent = ''] = handle.split('/');
    return new AgentState(this.folders.agentDir(runId, agent));
  }
}
