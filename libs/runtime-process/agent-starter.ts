import { execFile, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { readAgentFile } from '@crewtab/agent-files/open-agent-file';
import { AppError } from '@crewtab/domain/errors';
import { effect } from '@crewtab/domain/failpoint';
import type { AgentSpec, DeploymentSpec } from '@crewtab/domain/ports/runtime';
import type { HomeFile } from '@crewtab/domain/teams/preset';
import { AgentState } from './agent-state';
import { ChangeSignal } from './change-signal';
import { isRunning } from './process-table';
import type { RunFolders } from './run-folders';

const run = promisify(execFile);

/** A supervisor is there within some 100 ms; on a machine that is starved it takes longer, ms. */
const START_LIMIT_MS = 30_000;
const MKFIFO_LIMIT_MS = 10_000;
const APPEND =
  constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Of a supervisor that could not start an agent, bytes. */
const LONGEST_LOG = 1024 * 1024;
/** Marks every process of a run, so that those which leave their process group are found too. */
export const RUN_MARK = 'CREWTAB_PROCESS_RUN';

export interface AgentStarterOptions {
  /** PATH of the agents. */
  readonly searchPath: string;
  /** LANG of the agents. */
  readonly locale: string;
  /** The only command that may be started; null: any. */
  readonly onlyCommand: readonly string[] | null;
  /** An agent that no worker has ended ends this long after its deadline, ms. */
  readonly orphanGraceMs: number;
}

/** What a supervisor is told on its stdin. */
interface Order {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: AgentSpec['stdin'];
  /** Of running time, whatever the clocks are set to meanwhile. */
  readonly killInMs: number;
}

/** Makes agents' directories and starts their supervisors; both once, however many workers ask. */
export class AgentStarter {
  constructor(
    private readonly folders: RunFolders,
    private readonly options: AgentStarterOptions,
  ) {}

  /**
   * @param limitMs how long it may run; without a worker it ends a grace later
   * @throws AppError `create_failed` without a command, `isolation_required` with one that may not run here, `start_failed` in the operating system's words
   */
  async ensure(deployment: DeploymentSpec, agent: AgentSpec, limitMs: number): Promise<void> {
    const command = agent.command ?? [];
    if (command.length === 0) {
      throw new AppError(
        'create_failed',
        `agent "${agent.name}" has no command, and the process runtime has no images to take one from`,
      );
    }
    this.requireAllowed(agent.name, command);
    const agentDir = this.folders.agentDir(deployment.runId, agent.name);
    await this.folders.appear(agentDir, (folder) => fillAgentDir(folder, agent.files ?? []));
    const state = new AgentState(agentDir);
    if (!(await hasStarted(state))) await this.start(state, this.orderFor(deployment, agent, command, limitMs));
    const exit = await state.exit();
    if (exit?.startError !== undefined)
      throw new AppError('start_failed', `could not start agent "${agent.name}": ${exit.startError}`);
  }

  private async start(state: AgentState, order: Order): Promise<void> {
    const left = await state.supervisor();
    // Died before it had started the agent: nothing of it is left but its claim.
    if (left && !(await isRunning(left)))
      await effect('process.claim.remove', () => rm(join(state.stateDir, 'supervisor.json'), { force: true }));
    const log = await effect('process.log.make', () => open(join(state.agentDir, 'supervisor.log'), APPEND, 0o600));
    const supervisor = effect('process.supervisor.spawn', () =>
      spawn(process.execPath, [join(__dirname, 'supervisor.js'), state.agentDir], {
        cwd: state.agentDir,
        env: {},
        detached: true,
        stdio: ['pipe', 'ignore', log.fd],
      }),
    );
    const signal = new ChangeSignal([state.stateDir]);
    let failure: string | null = null;
    supervisor.on('error', (error) => {
      failure = error.message;
      signal.wake();
    });
    supervisor.on('exit', (code) => {
      if (code !== 0) failure ??= `its supervisor ended with ${code ?? 'a signal'}`;
      signal.wake();
    });
    // A supervisor that loses the race for the agent ends before it has read its order.
    supervisor.stdin?.on('error', () => undefined);
    effect('process.supervisor.order', () => supervisor.stdin?.end(JSON.stringify(order)));
    supervisor.unref();
    try {
      await untilStarted(state, signal, () => failure);
    } finally {
      signal.close();
      await log.close();
    }
  }

  private requireAllowed(agent: string, command: readonly string[]): void {
    const { onlyCommand } = this.options;
    if (onlyCommand === null) return;
    if (command.length === onlyCommand.length && command.every((word, at) => word === onlyCommand[at])) return;
    const message = `agent "${agent}" would run as a plain process of this machine, which only the demo may here`;
    throw new AppError('isolation_required', message);
  }

  private orderFor(deployment: DeploymentSpec, agent: AgentSpec, command: readonly string[], limitMs: number): Order {
    const { runId } = deployment;
    const agentDir = this.folders.agentDir(runId, agent.name);
    const workspace = this.folders.workspaceDir(runId);
    const own = {
      PATH: this.options.searchPath,
      LANG: this.options.locale,
      HOME: join(agentDir, 'home'),
      TMPDIR: join(agentDir, 'tmp'),
      CREWTAB_WORKSPACE: workspace,
    };
    return {
      command,
      cwd: workspace,
      env: { ...own, ...agent.env, [RUN_MARK]: runId },
      stdin: agent.stdin,
      killInMs: limitMs + this.options.orphanGraceMs,
    };
  }
}

async function fillAgentDir(agentDir: string, files: readonly HomeFile[]): Promise<void> {
  for (const name of ['state', 'home', 'tmp'])
    await effect('process.agent-folder.make', () => mkdir(join(agentDir, name), { mode: 0o700 }));
  for (const name of ['stdout', 'stderr'])
    await effect('process.output.make', () => writeFile(join(agentDir, name), '', { mode: 0o600 }));
  for (const { path, content } of files) {
    const file = join(agentDir, 'home', path);
    await effect('process.home-folder.make', () => mkdir(dirname(file), { recursive: true, mode: 0o700 }));
    await effect('process.home-file.write', () => writeFile(file, content, { mode: 0o600 }));
  }
  // Node cannot make one itself.
  const args = ['-m', '600', join(agentDir, 'stdin')];
  await effect('process.stdin.make', () => run('mkfifo', args, { timeout: MKFIFO_LIMIT_MS }));
}

async function hasStarted(state: AgentState): Promise<boolean> {
  return (await state.agent()) !== null || (await state.exit()) !== null;
}

async function untilStarted(state: AgentState, signal: ChangeSignal, failure: () => string | null): Promise<void> {
  for (const giveUpAt = Date.now() + START_LIMIT_MS; Date.now() < giveUpAt; await signal.wait()) {
    if (await hasStarted(state)) return;
    const reason = failure();
    if (reason !== null)
      throw new AppError('start_failed', `could not start an agent: ${reason}${await lastLog(state)}`);
  }
  throw new AppError('start_failed', `an agent was not started within ${START_LIMIT_MS} ms${await lastLog(state)}`);
}

async function lastLog(state: AgentState): Promise<string> {
  const log = ((await readAgentFile(join(state.agentDir, 'supervisor.log'), LONGEST_LOG)) ?? '').trim();
  return log === '' ? '' : `: ${log.slice(-500)}`;
}
