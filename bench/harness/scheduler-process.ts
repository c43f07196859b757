import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ApiClient } from '@test/kit/client';
import { Installation, type StartedScheduler } from '@test/kit/installation';
import { until } from './due-instant';
import { ENCRYPTION_KEY } from './stored';

/** This file is compiled to dist/bench/harness. */
const GARBAGE_COLLECTOR = join(__dirname, 'collect-garbage.js');
const READY_LIMIT_MS = 120_000;

/** The scheduler as users run it: a process of its own. */
export class SchedulerProcess {
  private constructor(
    private readonly installation: Installation,
    private readonly scheduler: StartedScheduler,
  ) {}

  /** Resolves when it is ready, its Job Schedulers in step with Postgres. */
  static async start(databaseUrl: string, redisUrl: string): Promise<SchedulerProcess> {
    const installation = new Installation({
      databaseUrl,
      redisUrl,
      dataDir: resolve('.crewtab'),
      dockerHost: null,
      encryptionKey: ENCRYPTION_KEY.toString('hex'),
    });
    const started = await installation.startScheduler('scheduler', {
      nodeArgs: ['--expose-gc', '--require', GARBAGE_COLLECTOR],
      env: { HOST: '127.0.0.1', LOG_LEVEL: 'warn', NODE_ENV: 'production' },
    });
    const scheduler = new SchedulerProcess(installation, started);
    await until('the scheduler is ready', () => scheduler.isReady(), READY_LIMIT_MS);
    return scheduler;
  }

  get api(): ApiClient {
    return this.scheduler.api;
  }

  /** Takes effect within moments. */
  collectGarbage(): void {
    this.scheduler.process.kill('SIGUSR2');
  }

  /** Memory that the process really holds, bytes. */
  async residentBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.scheduler.process.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024;
  }

  async stop(): Promise<void> {
    this.scheduler.process.kill('SIGTERM');
    await this.scheduler.process.exited;
    await this.installation.close();
  }

  private async isReady(): Promise<boolean> {
    const { process, url } = this.scheduler;
    if (process.hasExited) throw new Error(`the scheduler ended: ${process.tail()}`);
    return fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  }
}
