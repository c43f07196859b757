import { constants } from 'node:os';
import { join } from 'node:path';
import type { AgentProcess } from '@crewtab/domain/ports/runtime';
import { isRunning, type ProcessIdentity } from './process-table';
import { exists, readJson } from './run-folders';

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

  supervisor(): Promise<ProcessIdentity | null> {
    return readJson<ProcessIdentity>(join(this.stateDir, 'supervisor.json'));
  }

  agent(): Promise<ProcessIdentity | null> {
    return readJson<ProcessIdentity>(join(this.stateDir, 'agent.json'));
  }

  exit(): Promise<RecordedExit | null> {
    return readJson<RecordedExit>(join(this.stateDir, 'exit.json'));
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
    if (!(await exists(this.stateDir))) return { status: 'absent' };
    if (!agent) return { status: 'created' };
    const message = 'its supervisor is gone too (killed, or the host was restarted), so its exit code is not known';
    return { status: 'exited', exitCode: KILLED, isOutOfMemory: false, message, mayLackOutput: false };
  }
}

function toExited({ startError, exitCode, signal }: RecordedExit): AgentProcess {
  if (startError !== undefined)
    return { status: 'exited', exitCode: 127, isOutOfMemory: false, message: startError, mayLackOutput: false };
  const code = signal ? SIGNAL_BASE + constants.signals[signal] : (exitCode ?? KILLED);
  return { status: 'exited', exitCode: code, isOutOfMemory: false, message: '', mayLackOutput: false };
}
