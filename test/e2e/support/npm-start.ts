import { spawn, type ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';
import { eventually } from '../../kit/wait-for';

const PROJECT = resolve(__dirname, '../../..');
const START_LIMIT_MS = 120_000;

/** `npm start` as a user runs it, with a data folder and port of its own. */
export class Start {
  output = '';
  private readonly child: ChildProcess;
  readonly exited: Promise<number | null>;

  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    this.child = spawn(process.execPath, ['scripts/start.mjs', ...args], {
      cwd: PROJECT,
      env: { ...process.env, ...env },
      stdio: 'pipe',
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.exited = new Promise((done) => this.child.once('close', done));
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async saw(words: string): Promise<void> {
    await eventually(() => expect(this.output).toContain(words), { timeoutMs: START_LIMIT_MS });
  }
}

/** Command lines that name the folder: servers, apps, agents and their supervisors. */
export async function processesOf(folder: string): Promise<string[]> {
  const child = spawn('ps', ['-eo', 'args'], { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await new Promise((done) => child.once('close', done));
  return text.split('\n').filter((line) => line.includes(folder));
}
