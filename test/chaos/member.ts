import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { EvidenceFolder } from './evidence-folder';

export interface MemberSpec {
  /** `worker 2` */
  readonly name: string;
  readonly main: string;
  readonly cwd: string;
  readonly readyLine: RegExp;
  readonly env: Readonly<Record<string, string>>;
}

const READY_WITHIN_MS = 60_000;
/** Between the end of a process that nobody asked to end and its next start, as a supervisor would do it, ms. */
const RESTART_AFTER_MS = 1_000;
const TAIL_LINES = 20;
const HEAL_ATTEMPTS = 5;

/**
 * One process of the product, with a supervisor: it is started again whenever it ends by itself, and noted when it
 * does, because a process that cannot bear a fault is a finding too.
 */
export class Member {
  private child: ChildProcess | null = null;
  private isStopped = false;
  private hasSaidReady = false;
  /** Nobody asked for these ends. A start that fails because a service is away is repeated, and no finding. */
  readonly endedByItself = { atStart: 0, whenReady: 0 };
  /** What it said last when it was ready and ended by itself, once for each time. */
  readonly outputTail: string[] = [];
  /** A restart is wanted: false while a fault keeps it down. */
  private isWanted = false;
  private ready: Promise<void> = Promise.resolve();
  private exited: Promise<void> = Promise.resolve();
  private readonly tail: string[] = [];
  private restart: NodeJS.Timeout | null = null;

  constructor(
    private readonly spec: MemberSpec,
    private readonly evidence: EvidenceFolder,
  ) {}

  get name(): string {
    return this.spec.name;
  }

  get pid(): number | null {
    return this.child?.pid ?? null;
  }

  get isRunning(): boolean {
    return this.child !== null;
  }

  /** Runs, and has started completely. */
  get isReady(): boolean {
    return this.child !== null && this.hasSaidReady;
  }

  /** Starts it; nothing happens when it runs. */
  start(): void {
    this.isWanted = true;
    if (this.restart !== null) clearTimeout(this.restart);
    this.restart = null;
    if (this.child !== null) return;
    const env = { ...process.env, NODE_ENV: undefined, NODE_OPTIONS: undefined, ...this.spec.env };
    const child = spawn(process.execPath, ['--enable-source-maps', this.spec.main], {
      cwd: this.spec.cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C is for the harness, which then stops it in order.
      detached: true,
    });
    this.child = child;
    this.isStopped = false;
    this.hasSaidReady = false;
    this.note('started', { pid: child.pid });
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.child = null;
        this.noteEnd(code, signal);
        resolve();
      });
    });
    child.once('error', (error) => this.tail.push(error.message));
    this.ready = this.watchLines(child);
    this.ready.catch(() => undefined);
  }

  /** @throws Error with its last words when it does not become ready. */
  async startAndWait(): Promise<void> {
    this.start();
    await this.ready;
  }

  /** kill -9; it stays down until `start`. */
  async kill(): Promise<void> {
    this.isWanted = false;
    this.child?.kill('SIGKILL');
    await this.exited;
  }

  /** SIGSTOP. False when it does not run. */
  stopClock(): boolean {
    this.isStopped = this.child?.kill('SIGSTOP') ?? false;
    return this.isStopped;
  }

  continue(): void {
    this.child?.kill('SIGCONT');
    this.isStopped = false;
  }

  /** SIGTERM, and SIGKILL if it has not ended in time. True when it had to be killed. It stays down until `start`. */
  async end(withinMs: number): Promise<boolean> {
    this.isWanted = false;
    if (this.restart !== null) clearTimeout(this.restart);
    if (this.child === null) return false;
    if (this.isStopped) this.continue();
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      this.child?.kill('SIGKILL');
    }, withinMs);
    this.child.kill('SIGTERM');
    await this.exited;
    clearTimeout(late);
    if (isLate) this.note('had to be killed', { afterMs: withinMs });
    return isLate;
  }

  /**
   * Runs, and is ready. A start that fails is repeated, as a supervisor does it.
   * @throws Error with its last words when it still does not become ready.
   */
  async heal(): Promise<void> {
    if (this.isStopped) this.continue();
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.startAndWait();
      } catch (error) {
        if (attempt === HEAL_ATTEMPTS) throw error;
      }
    }
  }

  private watchLines(child: ChildProcess): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(this.failure(`not ready in ${READY_WITHIN_MS} ms`)), READY_WITHIN_MS);
      const log = `logs/${this.name.replace(' ', '-')}.log`;
      for (const stream of [child.stdout, child.stderr]) {
        if (stream === null) continue;
        createInterface({ input: stream }).on('line', (line) => {
          this.evidence.appendText(log, `${line}\n`);
          this.tail.push(line);
          if (this.tail.length > TAIL_LINES) this.tail.shift();
          if (this.spec.readyLine.test(line)) {
            clearTimeout(late);
            this.hasSaidReady = true;
            resolve();
          }
        });
      }
      child.once('close', () => {
        clearTimeout(late);
        reject(this.failure('ended before it was ready'));
      });
    });
  }

  private noteEnd(code: number | null, signal: NodeJS.Signals | null): void {
    if (!this.isWanted) return this.note('ended', { code, signal });
    this.endedByItself[this.hasSaidReady ? 'whenReady' : 'atStart']++;
    if (this.hasSaidReady) this.outputTail.push(`${this.name} ended with ${code ?? signal}: ${this.tail.at(-1) ?? ''}`);
    this.note('ended by itself', { wasReady: this.hasSaidReady, code, signal, tail: [...this.tail] });
    this.restart = setTimeout(() => this.start(), RESTART_AFTER_MS);
  }

  private note(what: string, facts: object): void {
    this.evidence.append('processes.jsonl', { at: new Date().toISOString(), process: this.name, what, ...facts });
  }

  private failure(why: string): Error {
    return new Error(`${this.name} ${why}. Its log ends with:\n${this.tail.join('\n')}`);
  }
}
