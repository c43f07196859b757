import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findFreePort } from '@crewtab/local-services/free-port';
import { until } from './due-instant';
import { ENCRYPTION_KEY } from './stored';

/** The compiled scheduler app; this file is compiled to dist/bench/harness. */
const PROGRAM = join(__dirname, '../../apps/scheduler/src/main.js');
const GARBAGE_COLLECTOR = join(__dirname, 'collect-garbage.js');
const READY_LIMIT_MS = 120_000;

/** The scheduler as users run it: a process of its own. */
export class SchedulerProcess {
  private words = '';

  private constructor(
    private readonly child: ChildProcess,
    private readonly url: string,
  ) {
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.words = `${this.words}${chunk.toString()}`.slice(-2_000)));
  }

  /** Resolves when it is ready, its Job Schedulers in step with Postgres. */
  static async start(databaseUrl: string, redisUrl: string): Promise<SchedulerProcess> {
    const port = await findFreePort();
    const env = {
      ...process.env,
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      CREWTAB_ENCRYPTION_KEY: ENCRYPTION_KEY.toString('hex'),
      CREWTAB_API_KEY: 'bench-key-that-nobody-uses-0123456789',
      HOST: '127.0.0.1',
      PORT: String(port),
      LOG_LEVEL: 'warn',
      NODE_ENV: 'production',
    };
    const child = spawn(process.execPath, ['--expose-gc', '--require', GARBAGE_COLLECTOR, PROGRAM], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const scheduler = new SchedulerProcess(child, `http://127.0.0.1:${port}`);
    await until('the scheduler is ready', () => scheduler.isReady(), READY_LIMIT_MS);
    return scheduler;
  }

  /** Takes effect within moments. */
  collectGarbage(): void {
    this.child.kill('SIGUSR2');
  }

  /** Memory that the process really holds, bytes. */
  async residentBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return;
    this.child.kill('SIGTERM');
    await once(this.child, 'close');
  }

  private async isReady(): Promise<boolean> {
    if (this.child.exitCode !== null) throw new Error(`the scheduler ended: ${this.words}`);
    return fetch(`${this.url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  }
}
