import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProcessOptions {
  /** Added to the present environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** User and group id that it runs as; only root may choose them. */
  readonly userId?: number;
  /** True: Ctrl-C in the terminal does not reach it, and the program that started it ends it in order. */
  readonly isDetached?: boolean;
  /** How many of its last lines are kept; default all, which a process that runs for hours must not. */
  readonly keptLines?: number;
  /** Called for each line, also for those that are not kept. */
  readonly onLine?: (line: string) => void;
}

export interface WaitForLineOptions {
  /** Default 60 s: a bound for busy machines. */
  readonly timeoutMs?: number;
  /** Only lines from this index of `lines` on; default all that came so far, too. */
  readonly from?: number;
}

/** Children that were started and not yet seen to end. */
const running = new Set<StartedProcess>();

/** A child process with its log. */
export class StartedProcess {
  /** Resolves when the process has ended and all of its output was read. */
  readonly exited: Promise<ProcessExit>;
  /** stdout and stderr, in the order in which they were read. */
  readonly lines: string[] = [];
  private readonly waiters = new Set<() => void>();
  private exit: ProcessExit | null = null;
  /** Lines that came before those that are kept. */
  private dropped = 0;

  constructor(
    readonly name: string,
    private readonly child: ChildProcess,
    private readonly options: Pick<ProcessOptions, 'keptLines' | 'onLine'> = {},
  ) {
    running.add(this);
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => this.addLine(line));
    }
    this.exited = new Promise((resolve) => {
      const finish = (exit: ProcessExit): void => {
        this.exit ??= exit;
        running.delete(this);
        this.wakeWaiters();
        resolve(this.exit);
      };
      child.once('close', (code, signal) => finish({ code, signal }));
      child.once('error', (error) => {
        this.lines.push(`cannot be started: ${error.message}`);
        finish({ code: null, signal: null });
      });
    });
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`${this.name} was not started`);
    return this.child.pid;
  }

  get hasExited(): boolean {
    return this.exit !== null;
  }

  /** Sends a signal, SIGTERM by default; nothing happens when it has ended. */
  kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    this.child.kill(signal);
  }

  /**
   * The first line that matches, past or future.
   * @throws Error with the last lines of the log when the process ends first or the time is up.
   */
  waitForLine(pattern: RegExp, { timeoutMs = 60_000, from = 0 }: WaitForLineOptions = {}): Promise<string> {
    return new Promise((resolve, reject) => {
      let next = from;
      const stop = (): void => {
        clearTimeout(timer);
        this.waiters.delete(look);
      };
      const fail = (why: string): void => {
        stop();
        reject(new Error(`${this.name}: no line like ${String(pattern)}, ${why}. Its log ends with:\n${this.tail()}`));
      };
      const look = (): void => {
        for (; next < this.dropped + this.lines.length; next += 1) {
          const line = this.lines[next - this.dropped] ?? '';
          if (!pattern.test(line)) continue;
          stop();
          resolve(line);
          return;
        }
        if (this.exit !== null) fail(`and it has ended (${JSON.stringify(this.exit)})`);
      };
      const timer = setTimeout(() => fail(`waited ${timeoutMs} ms`), timeoutMs);
      this.waiters.add(look);
      look();
    });
  }

  /** The last lines of its log, for error messages. */
  tail(count = 25): string {
    return this.lines.slice(-count).join('\n');
  }

  private addLine(line: string): void {
    this.lines.push(line);
    this.options.onLine?.(line);
    this.wakeWaiters();
    if (this.lines.length <= (this.options.keptLines ?? Infinity)) return;
    this.lines.shift();
    this.dropped += 1;
  }

  private wakeWaiters(): void {
    for (const look of [...this.waiters]) look();
  }
}

/** Starts a program. The test ends it, or `endLeftoverProcesses` fails the test. */
export function startProcess(
  name: string,
  file: string,
  args: readonly string[],
  options: ProcessOptions = {},
): StartedProcess {
  const { env = {}, cwd, userId, isDetached = false } = options;
  const child = spawn(file, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: isDetached,
    ...(cwd === undefined ? {} : { cwd }),
    ...(userId === undefined ? {} : { uid: userId, gid: userId }),
  });
  return new StartedProcess(name, child, options);
}

/** Starts a script with this Node, without what Jest put into the environment of its workers. */
export function startNode(name: string, args: readonly string[], options: ProcessOptions = {}): StartedProcess {
  const env = { NODE_ENV: undefined, JEST_WORKER_ID: undefined, NODE_OPTIONS: undefined, ...options.env };
  return startProcess(name, process.execPath, args, { ...options, env });
}

/**
 * For `afterEach` (or `afterAll` where processes are shared): kills what the test left running, and then fails.
 */
export async function endLeftoverProcesses(): Promise<void> {
  const left = [...running];
  for (const one of left) one.kill('SIGKILL');
  await Promise.all(left.map((one) => one.exited));
  if (left.length > 0) throw new Error(`the test left processes running: ${left.map((one) => one.name).join(', ')}`);
}
