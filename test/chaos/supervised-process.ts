import { untilReady } from '../kit/installation';
import type { ProcessExit, ProcessOptions, StartedProcess } from '../kit/processes';
import type { EvidenceFolder } from './evidence-folder';

/** Between the end of a process that was to go on and its next start, as a supervisor would do it, ms. */
const RESTART_AFTER_MS = 1_000;
const TAIL_LINES = 20;
const HEAL_ATTEMPTS = 5;

/** Starts the process with these options; settings are the installation's. */
export type Start = (options: Pick<ProcessOptions, 'onLine' | 'keptLines'>) => StartedProcess;

/**
 * One process of the product, with a supervisor: it is started again whenever it ends by itself, and that is recorded,
 * because a process that cannot bear a fault is a finding too.
 */
export class SupervisedProcess {
  private present: StartedProcess | null = null;
  private isPaused = false;
  private hasSaidReady = false;
  /** Ends that nothing had asked for. A start that fails because a service is away is repeated, and no finding. */
  readonly endedByItself = { atStart: 0, whenReady: 0 };
  /** What it said last when it was ready and ended by itself, once for each time. */
  readonly outputTail: string[] = [];
  /** A restart is wanted: false while a fault keeps it down. */
  private isWanted = false;
  private ready: Promise<void> = Promise.resolve();
  private exited: Promise<void> = Promise.resolve();
  private restart: NodeJS.Timeout | null = null;

  constructor(
    /** `worker 2` */
    readonly name: string,
    private readonly startProcess: Start,
    private readonly evidence: EvidenceFolder,
  ) {}

  get pid(): number | null {
    return this.present?.pid ?? null;
  }

  get isRunning(): boolean {
    return this.present !== null;
  }

  /** Runs, and has started completely. */
  get isReady(): boolean {
    return this.present !== null && this.hasSaidReady;
  }

  /** Starts it; nothing happens when it runs. */
  start(): void {
    this.isWanted = true;
    if (this.restart !== null) clearTimeout(this.restart);
    this.restart = null;
    if (this.present !== null) return;
    const log = `logs/${this.name.replace(' ', '-')}.log`;
    const onLine = (line: string): void => this.evidence.appendText(log, `${line}\n`);
    const started = this.startProcess({ onLine, keptLines: TAIL_LINES });
    this.present = started;
    this.isPaused = false;
    this.hasSaidReady = false;
    this.note('started', { pid: started.pid });
    this.exited = started.exited.then((exit) => {
      this.present = null;
      this.noteEnd(exit, started);
    });
    this.ready = untilReady(started).then(() => void (this.hasSaidReady = true));
    this.ready.catch(() => undefined);
  }

  /** @throws Error with the end of its log when it does not become ready. */
  async startAndWait(): Promise<void> {
    this.start();
    await this.ready;
  }

  /** kill -9; it stays down until `start`. */
  async kill(): Promise<void> {
    this.isWanted = false;
    this.present?.kill('SIGKILL');
    await this.exited;
  }

  /** SIGSTOP; nothing happens when it does not run. */
  pause(): void {
    this.isPaused = this.present !== null;
    this.present?.kill('SIGSTOP');
  }

  resume(): void {
    this.present?.kill('SIGCONT');
    this.isPaused = false;
  }

  /** SIGTERM, and SIGKILL if it has not ended in time. True when it had to be killed. It stays down until `start`. */
  async end(withinMs: number): Promise<boolean> {
    this.isWanted = false;
    if (this.restart !== null) clearTimeout(this.restart);
    if (this.present === null) return false;
    if (this.isPaused) this.resume();
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      this.present?.kill('SIGKILL');
    }, withinMs);
    this.present.kill('SIGTERM');
    await this.exited;
    clearTimeout(late);
    if (isLate) this.note('had to be killed', { afterMs: withinMs });
    return isLate;
  }

  /**
   * Runs, and is ready. A start that fails is repeated, as a supervisor does it.
   * @throws Error with the end of its log when it still does not become ready.
   */
  async heal(): Promise<void> {
    if (this.isPaused) this.resume();
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.startAndWait();
      } catch (error) {
        if (attempt === HEAL_ATTEMPTS) throw error;
      }
    }
  }

  private noteEnd({ code, signal }: ProcessExit, { lines }: StartedProcess): void {
    if (!this.isWanted) return this.note('ended', { code, signal });
    this.endedByItself[this.hasSaidReady ? 'whenReady' : 'atStart']++;
    if (this.hasSaidReady) this.outputTail.push(`${this.name} ended with ${code ?? signal}: ${lines.at(-1) ?? ''}`);
    this.note('ended by itself', { wasReady: this.hasSaidReady, code, signal, tail: [...lines] });
    this.restart = setTimeout(() => this.start(), RESTART_AFTER_MS);
  }

  private note(what: string, facts: object): void {
    this.evidence.append('processes.jsonl', { at: new Date().toISOString(), process: this.name, what, ...facts });
  }
}
