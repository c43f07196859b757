import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { readFile, rename, unlink } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { parseIdentity } from './data-folder';
import { identifyProcess, isStillRunning, type ProcessIdentity } from './process-identity';
import { LocalServiceError, systemErrorCode } from './service-error';
import { waitUntil } from './wait-until';

/** How a server is started. */
export interface ServerCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** User and group to run as; only root can choose. */
  readonly account?: { readonly uid: number; readonly gid: number } | undefined;
  /** Where its log (`server.log`) and the record of its process (`server.json`) are kept. Not the server's own data. */
  readonly folder: string;
}

/**
 * Signals in the order in which they are tried, each with the time that the server has before the next one.
 * The last one is always SIGKILL.
 */
export type StopPlan = readonly { readonly signal: NodeJS.Signals; readonly waitMs: number }[];

/**
 * A server process that never outlives the process which started it, and is not hit by Ctrl-C in the terminal: it runs
 * in a session of its own, and a guard (one `sh`) holds a pipe from us. When we end in whatever way, kill -9 included,
 * the pipe breaks and the guard interrupts the server. What even the guard could not end (the guard was killed too) is
 * found by `stopLeftover` at the next start.
 */
export class SupervisedServer {
  private constructor(
    readonly pid: number,
    private readonly folder: string,
    private readonly exit: Exit,
    private readonly guard: ChildProcess,
  ) {
    // A pid is given away again: a guard must not live longer than what it watches.
    exit.onExit(() => dismissGuard(guard));
  }

  /** @throws LocalServiceError when the operating system cannot start the program. */
  static async start(command: ServerCommand): Promise<SupervisedServer> {
    const log = logFile(command.folder);
    await rename(log, `${log}.old`).catch(() => undefined);
    const output = openSync(log, 'a', 0o600);
    try {
      const child = spawn(command.file, command.args, {
        cwd: command.cwd,
        env: command.env,
        stdio: ['ignore', output, output],
        detached: true,
        ...(command.account ?? {}),
      });
      // At once: a server that refuses its arguments ends before the next lines are through.
      const exit = new Exit(child);
      const pid = await startedPid(child, command.file);
      const identity = await identifyProcess(pid);
      if (identity !== null) writeFileSync(recordFile(command.folder), JSON.stringify(identity), { mode: 0o600 });
      child.unref();
      return new SupervisedServer(pid, command.folder, exit, startGuard(pid));
    } finally {
      closeSync(output);
    }
  }

  /** Whether the process has ended. */
  get hasExited(): boolean {
    return this.exit.words !== null;
  }

  /** How it ended and the last words of its log, for an error message. */
  async outputTail(): Promise<string> {
    const text = await readFile(logFile(this.folder), 'utf8').catch(() => '');
    return `${this.exit.words ?? 'not ready in time'}: ${text.trim().split('\n').slice(-3).join(' | ')}`;
  }

  /** Ends the process by the plan. Idempotent; bounded by the plan's waits and 5 s. */
  async stop(plan: StopPlan): Promise<void> {
    for (const { signal, waitMs } of [...plan, { signal: 'SIGKILL' as const, waitMs: 5_000 }]) {
      if (this.hasExited) break;
      signalQuietly(this.pid, signal);
      if (await waitUntil(() => this.hasExited, waitMs)) break;
    }
    dismissGuard(this.guard);
    await unlink(recordFile(this.folder)).catch(() => undefined);
  }
}

/** How a child ended, from its first moment on. */
class Exit {
  /** Null while it runs. */
  words: string | null = null;
  private readonly listeners: (() => void)[] = [];

  constructor(child: ChildProcess) {
    child.once('exit', (code, signal) => {
      this.words = signal ?? `exit code ${String(code)}`;
      for (const listener of this.listeners) listener();
    });
  }

  /** Calls at once when it has ended already. */
  onExit(listener: () => void): void {
    if (this.words === null) this.listeners.push(listener);
    else listener();
  }
}

/**
 * Stops the server that an earlier, killed start left running on this folder, if there is one.
 * @returns whether there was one.
 */
export async function stopLeftover(folder: string, plan: StopPlan): Promise<boolean> {
  const text = await readFile(recordFile(folder), 'utf8').catch(() => null);
  const identity = text === null ? null : parseIdentity(text);
  const wasRunning = identity !== null && (await isStillRunning(identity));
  if (wasRunning) await stopProcess(identity, plan);
  await unlink(recordFile(folder)).catch(() => undefined);
  return wasRunning;
}

/** Ends a process that is not our child. Throws LocalServiceError when it cannot be ended. */
export async function stopProcess(identity: ProcessIdentity, plan: StopPlan): Promise<void> {
  const isOver = async (): Promise<boolean> => !(await isStillRunning(identity));
  for (const { signal, waitMs } of [...plan, { signal: 'SIGKILL' as const, waitMs: 5_000 }]) {
    if (await isOver()) return;
    signalQuietly(identity.pid, signal);
    if (await waitUntil(isOver, waitMs)) return;
  }
  throw new LocalServiceError(
    `process ${identity.pid}, left by an earlier start, cannot be stopped`,
    `stop it yourself: sudo kill -9 ${identity.pid}`,
  );
}

function logFile(folder: string): string {
  return join(folder, 'server.log');
}

function recordFile(folder: string): string {
  return join(folder, 'server.json');
}

function startedPid(child: ChildProcess, file: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(spawnError(file, error)));
    child.once('spawn', () => {
      if (child.pid === undefined) reject(new Error(`${file} started without a pid`));
      else resolve(child.pid);
    });
  });
}

function spawnError(file: string, error: Error): LocalServiceError {
  const isForeign = systemErrorCode(error) === 'ENOENT';
  return new LocalServiceError(
    isForeign ? `${file} does not run on this system` : `${file} cannot be started: ${error.message}`,
    'use a server of your own: DATABASE_URL=postgresql://… REDIS_URL=redis://… npm start',
    error,
  );
}

function startGuard(pid: number): ChildProcess {
  // A line says that all is well and the guard may go; the end of the pipe says that we are dead.
  const guard = spawn('/bin/sh', ['-c', 'read -r _ || kill -INT "$1"', 'crewtab-guard', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
    detached: true,
  });
  // A write to a supervisor that was killed must not end this process.
  guard.on('error', () => undefined);
  guard.stdin?.on('error', () => undefined);
  guard.unref();
  // A pipe is a socket, which the types of a child process do not say.
  if (guard.stdin instanceof Socket) guard.stdin.unref();
  return guard;
}

function dismissGuard(guard: ChildProcess): void {
  if (guard.exitCode === null && guard.stdin?.writable === true) guard.stdin.end('\n');
}

/** A process that is gone already is as good as signalled; a foreign one is reported by the wait that follows. */
function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!['ESRCH', 'EPERM'].includes(systemErrorCode(error) ?? '')) throw error;
  }
}
