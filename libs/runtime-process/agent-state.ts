import { constants } from 'node:os';
import { join } from 'node:path';
import type { AgentProcess } from '@crewtab/domain/ports/runtime';
import { isRunning, type ProcessIdentity } from './process-table';
import { isFolder, readRecord } from './run-folders';

/** How an agent ended, as its supervisor writes it down. */
export interface RecordedExit {
  readonly startError?: string;
  readonly exitCode?: number | null;
  readonly signal?: NodeJS.Signals | null;
}

/** Exit codes above it are 128 + the signal's number, as shells and Docker have it. */
const SIGNAL_BASE = 128;
const KILLED = 137;

/** What an agent's directory tells of its process. */
export class AgentState {
  readonly stateDir: string;

  constructor(readonly agentDir: string) {
    this.stateDir = join(agentDir, 'state');
  }

  async supervisor(): Promise<ProcessIdentity | null> {
    return toIdentity(await this.read('supervisor.json'));
  }

  async agent(): Promise<ProcessIdentity | null> {
    return toIdentity(await this.read('agent.json'));
  }

  async exit(): Promise<RecordedExit | null> {
    return toRecordedExit(await this.read('exit.json'));
  }

  /** The truth about the process, from the operating system where the files leave it open. */
  async inspect(): Promise<AgentProcess> {
    const early = await this.exit();
    if (early) return toExited(early);
    const [supervisor, agent] = await Promise.all([this.supervisor(), this.agent()]);
    if (agent && (await isRunning(agent))) return { status: 'running' };
    if (supervisor && (await isRunning(supervisor))) return agent ? { status: 'running' } : { status: 'created' };
    // Once more: a supervisor writes it before it ends.
    const exit = await this.exit();
    if (exit) return toExited(exit);
    if (!(await this.isThere())) return { status: 'absent' };
    if (!agent) return { status: 'created' };
    const message = 'its supervisor is gone too (killed, or the host was restarted), so its exit code is not known';
    return { status: 'exited', exitCode: KILLED, isOutOfMemory: false, message, mayLackOutput: false };
  }

  private async read(name: string): Promise<unknown> {
    return (await this.isThere()) ? readRecord(join(this.stateDir, name)) : null;
  }

  /** Links that an agent puts in the place of its folders lead to the state of another one. */
  private async isThere(): Promise<boolean> {
    return (await isFolder(this.agentDir)) && (await isFolder(this.stateDir));
  }
}

/** Null for what no supervisor writes. Of a pid below 2 a signal would go to everything that this user runs. */
function toIdentity(value: unknown): ProcessIdentity | null {
  if (typeof value !== 'object' || value === null) return null;
  const { pid, startedAt } = value as Record<string, unknown>;
  return Number.isSafeInteger(pid) && (pid as number) > 1 && typeof startedAt === 'string'
    ? { pid: pid as number, startedAt }
    : null;
}

function toRecordedExit(value: unknown): RecordedExit | null {
  if (typeof value !== 'object' || value === null) return null;
  const { startError, exitCode, signal } = value as Record<string, unknown>;
  return {
    ...(typeof startError === 'string' ? { startError } : {}),
    exitCode: Number.isInteger(exitCode) ? (exitCode as number) & 0xff : null,
    signal: typeof signal === 'string' && Object.hasOwn(constants.signals, signal) ? (signal as NodeJS.Signals) : null,
  };
}

function toExited({ startError, exitCode, signal }: RecordedExit): AgentProcess {
  if (startError !== undefined)
    return { status: 'exited', exitCode: 127, isOutOfMemory: false, message: startError, mayLackOutput: false };
  const code = signal ? SIGNAL_BASE + constants.signals[signal] : (exitCode ?? KILLED);
  return { status: 'exited', exitCode: code, isOutOfMemory: false, message: '', mayLackOutput: false };
}
