import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import { SECRETS_DESCRIPTOR } from '../config/process-environment';
import { LocalServiceError } from '../local-services/service-error';

/** An app that does not end within this after SIGTERM is killed, ms; it ends itself sooner than that. */
const STOP_LIMIT_MS = 12_000;
const SHOWN_LINES = 15;
/** After stdin, stdout, stderr and the channel of the watchdog. */
const SECRETS_FD = 4;

export interface AppOptions {
  readonly name: 'scheduler' | 'worker';
  /** The compiled program. */
  readonly program: string;
  readonly env: NodeJS.ProcessEnv;
  /** Settings that are handed over by a pipe, and are not in its environment: the system shows that to other processes. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly logDir: string;
  /** How long it may take to say that it is ready, ms. */
  readonly readyWithinMs: number;
}

/**
 * One of Crewtab's processes, in a process group of its own: a Ctrl-C at the terminal reaches only the launcher, which
 * stops the processes in order. It ends by itself when the launcher is gone (parent-watchdog).
 */
export class AppProcess {
  private readonly lines: string[] = [];
  private readonly log: WriteStream;
  private isStopping = false;
  /** Resolves when the process has ended, whatever the reason. */
  readonly ended: Promise<void>;

  private constructor(
    private readonly options: AppOptions,
    private readonly child: ChildProcess,
    readonly logFile: string,
    private readonly onReady: () => void,
  ) {
    this.log = createWriteStream(logFile, { flags: 'a' });
    for (const stream of [child.stdout, child.stderr])
      if (stream) createInterface({ input: stream }).on('line', (line) => this.hear(line));
    this.ended = new Promise((resolve) => child.once('close', () => (this.log.end(), resolve())));
  }

  /** @throws LocalServiceError with the process's last lines when it ends before it is ready */
  static async start(options: AppOptions): Promise<AppProcess> {
    await mkdir(options.logDir, { recursive: true });
    const child = spawn(
      process.execPath,
      ['--enable-source-maps', '--require', join(__dirname, 'parent-watchdog.js'), options.program],
      {
        env: environmentOf(options),
        stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'],
        detached: true,
      },
    );
    const pipe = child.stdio[SECRETS_FD] as Writable;
    // An app that ends before it has read them says why in its log.
    pipe.on('error', () => undefined);
    pipe.end(JSON.stringify(options.secrets));
    let markReady: () => void = () => undefined;
    const ready = new Promise<void>((resolve) => (markReady = resolve));
    const app = new AppProcess(options, child, join(options.logDir, `${options.name}.log`), markReady);
    const failed = app.ended.then(() => Promise.reject(app.failure(`the ${options.name} ended before it was ready`)));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(app.failure(`the ${options.name} was not ready within ${options.readyWithinMs / 1_000} s`)),
        options.readyWithinMs,
      );
    });
    try {
      await Promise.race([ready, failed, late]);
      return app;
    } catch (error) {
      await app.stop();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Calls back if the process ends without having been stopped. */
  onCrash(listener: (error: LocalServiceError) => void): void {
    void this.ended.then(() => {
      if (!this.isStopping) listener(this.failure(`the ${this.options.name} ended unexpectedly`));
    });
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.ended;
    clearTimeout(timer);
  }

  kill(): void {
    this.isStopping = true;
    this.child.kill('SIGKILL');
  }

  private hear(line: string): void {
    this.log.write(`${line}\n`);
    this.lines.push(line);
    if (this.lines.length > SHOWN_LINES) this.lines.shift();
    if (line.includes(`"msg":"${this.options.name} ready"`)) this.onReady();
  }

  private failure(message: string): LocalServiceError {
    const words = this.lines.length > 0 ? `${message}; its last lines:\n    ${this.lines.join('\n    ')}` : message;
    return new LocalServiceError(words, `its whole log is in ${this.logFile}`);
  }
}

function environmentOf({ env, secrets }: AppOptions): NodeJS.ProcessEnv {
  const open = Object.entries(env).filter(([name]) => !(name in secrets));
  return { ...Object.fromEntries(open), [SECRETS_DESCRIPTOR]: String(SECRETS_FD) };
}
