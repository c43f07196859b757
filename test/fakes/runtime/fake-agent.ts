import { AppError } from '@crewtab/domain/errors';
import type { Clock } from '@crewtab/domain/ports/clock';
import type { AgentProcess, AgentSpec, DeploymentSpec, OutputLine } from '@crewtab/domain/ports/runtime';

/** What a program may do while it runs; everything is ignored once it has exited. */
export interface FakeAgentIo {
  readonly agent: AgentSpec;
  readonly deployment: DeploymentSpec;
  /** Writes one whole line. */
  emit(line: string, stream?: OutputLine['stream']): void;
  /** Writes bytes as they are; a line is given to readers once its newline (or the exit) has come. */
  emitRaw(text: string, stream?: OutputLine['stream']): void;
  exit(code: number, options?: { readonly oom?: boolean }): void;
  /** Calls back unless the program has exited by then. */
  after(delayMs: number, callback: () => void): void;
}

/** An agent as a few callbacks. Without `onTerminate` it ends at SIGTERM with code 143. */
export interface FakeProgram {
  /** Makes the start fail with these words. */
  readonly startError?: string;
  onStart?(io: FakeAgentIo): void;
  /** One whole line of stdin, without its newline. */
  onLine?(line: string, io: FakeAgentIo): void;
  /** Whatever is written, as it is written. */
  onInput?(data: string, io: FakeAgentIo): void;
  /** End of file on stdin (`once` only). */
  onEndInput?(io: FakeAgentIo): void;
  onTerminate?(io: FakeAgentIo): void;
}

const SIGKILL_EXIT = 137;
const SIGTERM_EXIT = 143;

/** One container of the fake engine: its process, its whole output and all that was ever written to it. */
export class FakeAgent implements FakeAgentIo {
  process: AgentProcess = { status: 'created' };
  /** Everything written to stdin so far. */
  stdin = '';
  isInputEnded = false;
  readonly lines: OutputLine[] = [];
  /** What was said while the engine is down: it reads that when it is back, if the agent is still there. */
  private unread: { readonly stream: OutputLine['stream']; readonly text: string }[] | null = null;
  private readonly pendingOutput = { stdout: '', stderr: '' };
  private readonly counts = { stdout: 0, stderr: 0 };
  private pendingInput = '';
  private readonly listeners = new Set<() => void>();

  constructor(
    readonly handle: string,
    readonly containerName: string,
    readonly deployment: DeploymentSpec,
    readonly agent: AgentSpec,
    readonly createdAt: Date,
    private readonly program: FakeProgram,
    private readonly clock: Pick<Clock, 'after'>,
    private readonly onExit: (agent: FakeAgent) => void,
  ) {}

  get isRunning(): boolean {
    return this.process.status === 'running';
  }

  start(): void {
    if (this.process.status !== 'created') return;
    if (this.program.startError !== undefined) throw new AppError('start_failed', this.program.startError);
    this.process = { status: 'running' };
    this.program.onStart?.(this);
  }

  emit(line: string, stream: OutputLine['stream'] = 'stdout'): void {
    this.emitRaw(`${line}\n`, stream);
  }

  emitRaw(text: string, stream: OutputLine['stream'] = 'stdout'): void {
    if (!this.isRunning) return;
    const parts = (this.pendingOutput[stream] + text).split('\n');
    this.pendingOutput[stream] = parts.pop() ?? '';
    for (const part of parts) this.addLine(stream, part);
    this.notify();
  }

  exit(code: number, options: { readonly oom?: boolean } = {}): void {
    if (!this.isRunning) return;
    for (const stream of ['stdout', 'stderr'] as const) {
      if (this.pendingOutput[stream]) this.addLine(stream, this.pendingOutput[stream]);
    }
    const mayLackOutput = this.unread !== null;
    const isOutOfMemory = options.oom ?? false;
    this.process = { status: 'exited', exitCode: code, isOutOfMemory, message: '', mayLackOutput };
    if (mayLackOutput) return;
    this.notify();
    this.onExit(this);
  }

  /** The engine is down: it neither reads what the agent says nor sees it end. */
  loseEngine(): void {
    if (this.isRunning) this.unread ??= [];
  }

  /** The engine is back, and reads what was said meanwhile; of an agent that has ended, it is lost. */
  regainEngine(): 'running' | 'ended' | 'untouched' {
    const { unread } = this;
    if (unread === null) return 'untouched';
    this.unread = null;
    if (this.isRunning) for (const { stream, text } of unread) this.addLine(stream, text);
    this.notify();
    return this.isRunning ? 'running' : 'ended';
  }

  after(delayMs: number, callback: () => void): void {
    this.clock.after(delayMs, () => {
      if (this.isRunning) callback();
    });
  }

  receive(data: string): void {
    if (!this.isRunning || this.isInputEnded) throw this.brokenPipe();
    this.stdin += data;
    this.program.onInput?.(data, this);
    const parts = (this.pendingInput + data).split('\n');
    this.pendingInput = parts.pop() ?? '';
    for (const line of parts) if (this.isRunning) this.program.onLine?.(line, this);
  }

  endInput(): void {
    if (this.agent.stdin !== 'once' || this.isInputEnded || !this.isRunning) return;
    this.isInputEnded = true;
    if (this.pendingInput) this.program.onLine?.(this.pendingInput, this);
    this.program.onEndInput?.(this);
  }

  terminate(): void {
    if (!this.isRunning) return;
    if (this.program.onTerminate) this.program.onTerminate(this);
    else this.exit(SIGTERM_EXIT);
  }

  kill(): void {
    this.exit(SIGKILL_EXIT);
  }

  /** Ends as if removed by force: readers come to their end, the engine no longer knows it. */
  vanish(): void {
    this.kill();
    this.process = { status: 'absent' };
    this.notify();
  }

  /** Calls back after every change that a reader can see. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  private addLine(stream: OutputLine['stream'], text: string): void {
    if (this.unread) this.unread.push({ stream, text });
    else this.lines.push({ stream, index: this.counts[stream]++, text });
  }

  private notify(): void {
    for (const listener of [...this.listeners]) listener();
  }

  private brokenPipe(): AppError {
    if (this.process.status === 'absent') return new AppError('agent_vanished', `${this.containerName} is gone`);
    return new AppError('agent_exited', `${this.containerName} takes no input any more`);
  }
}
