import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findFreePort } from '@crewtab/local-services/free-port';
import { SupervisedServer } from '@crewtab/local-services/supervised-server';
import type { RedisProgram } from '@crewtab/local-services/redis-download';
import { pingRedis } from '@crewtab/local-services/redis-ping';
import { findRedisProgram } from '@crewtab/local-services/redis-program';
import Redis from 'ioredis';
import { eventually } from '../wait-for';
import { REDIS_CACHE } from '../services/test-services';
import { SmallDisk } from './small-disk';
import { pauseServer } from './pause-server';

const ORDERLY = [{ signal: 'SIGTERM', waitMs: 10_000 }] as const;
const READY_TIMEOUT_MS = 20_000;
const DISK_MEBIBYTES = 16;

/** A Redis of this chaos run alone, with RDB snapshots, on a disk that can be filled where root allows it. */
export class RedisServer {
  private server: SupervisedServer | null = null;
  private goOn: (() => void) | null = null;

  private constructor(
    private readonly program: RedisProgram,
    private readonly folder: string,
    readonly port: number,
    private readonly password: string,
    readonly disk: SmallDisk | null,
  ) {}

  static async start(folder: string): Promise<RedisServer> {
    const program = await findRedisProgram(REDIS_CACHE, process.env, () => undefined);
    if (program === null) throw new Error('there is no redis-server on this machine, and none can be downloaded');
    const home = join(folder, 'redis');
    await mkdir(join(home, 'data'), { recursive: true });
    const disk = await SmallDisk.mount(join(home, 'data'), DISK_MEBIBYTES);
    const password = randomBytes(18).toString('base64url');
    const server = new RedisServer(program, home, await findFreePort(), password, disk);
    try {
      await server.restart();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** With the proxy's port in place of the server's own. */
  urlAt(port: number): string {
    return `redis://:${this.password}@127.0.0.1:${port}`;
  }

  async restart(): Promise<void> {
    await this.server?.stop(ORDERLY);
    await writeFile(join(this.folder, 'redis.conf'), this.settings(), { mode: 0o600 });
    this.server = await SupervisedServer.start({
      file: this.program.file,
      args: [join(this.folder, 'redis.conf')],
      cwd: this.folder,
      env: this.program.libraryPath === null ? {} : { LD_LIBRARY_PATH: this.program.libraryPath },
      folder: this.folder,
    });
    await eventually(async () => (await pingRedis(this.port, this.password)) === 'ready', {
      timeoutMs: READY_TIMEOUT_MS,
    });
  }

  /** SIGKILL: what came after the last snapshot is lost. */
  async kill(): Promise<void> {
    await this.server?.stop([{ signal: 'SIGKILL', waitMs: 5_000 }]);
    this.server = null;
  }

  /** After a save that failed (a full disk) Redis refuses every write until one has worked, this one too. */
  async flush(): Promise<void> {
    await eventually(() => this.command((redis) => redis.flushall()), { timeoutMs: 15_000, intervalMs: 200 });
  }

  /** Keeps the present state for `restore`. While Redis saves by itself, which it does every second, it refuses to. */
  async keepSnapshot(): Promise<void> {
    await eventually(() => this.command((redis) => redis.save()), { intervalMs: 100 });
    await copyFile(this.rdb, this.keptRdb);
  }

  /** Puts the kept state in the place of the present one. Redis must be down. False: none was kept. */
  async restore(): Promise<boolean> {
    if ((await stat(this.keptRdb).catch(() => null)) === null) return false;
    await copyFile(this.keptRdb, this.rdb);
    return true;
  }

  async pause(): Promise<void> {
    if (this.server !== null) this.goOn = await pauseServer(this.server.pid);
  }

  resume(): void {
    this.goOn?.();
    this.goOn = null;
  }

  async stop(): Promise<void> {
    this.resume();
    await this.server?.stop(ORDERLY);
    this.server = null;
    await this.disk?.unmount();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async command(run: (redis: Redis) => Promise<unknown>): Promise<void> {
    const redis = new Redis(this.urlAt(this.port), { retryStrategy: () => null, maxRetriesPerRequest: 0 });
    redis.on('error', () => undefined);
    try {
      await run(redis);
    } finally {
      redis.disconnect();
    }
  }

  private settings(): string {
    return [
      `requirepass ${this.password}`,
      'bind 127.0.0.1',
      `port ${this.port}`,
      `dir ${join(this.folder, 'data')}`,
      'dbfilename dump.rdb',
      'appendonly no',
      'save 3 1',
      'stop-writes-on-bgsave-error yes',
      'maxmemory-policy noeviction',
      '',
    ].join('\n');
  }

  private get rdb(): string {
    return join(this.folder, 'data', 'dump.rdb');
  }

  private get keptRdb(): string {
    return join(this.folder, 'kept.rdb');
  }
}
