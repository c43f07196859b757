import { join } from 'node:path';
import { startPostgres, type LocalPostgres } from '@crewtab/local-services/postgres';
import { pauseServer } from './pause-server';

/** A Postgres of this chaos run alone, on one port and one data folder however often it is started. */
export class PostgresServer {
  private goOn: (() => void) | null = null;

  private constructor(
    private readonly dataDir: string,
    private server: LocalPostgres,
  ) {}

  /** As durable as in production: what was committed must outlive every kill. */
  static async start(folder: string): Promise<PostgresServer> {
    const dataDir = join(folder, 'postgres');
    return new PostgresServer(dataDir, await startPostgres({ dataDir, log: () => undefined }));
  }

  /** Straight to the server, past all proxies. */
  get url(): string {
    return this.server.url;
  }

  get port(): number {
    return this.server.port;
  }

  /** `fast`: open connections are cut, data is flushed. `kill`: SIGKILL, and recovery at the next start. */
  async shutDown(how: 'fast' | 'kill'): Promise<void> {
    if (how === 'kill') process.kill(this.server.pid, 'SIGKILL');
    await this.server.stop();
  }

  async restart(): Promise<void> {
    const port = this.server.port;
    await this.server.stop();
    this.server = await startPostgres({ dataDir: this.dataDir, port, log: () => undefined });
  }

  /** Every process of it, with connections that stay open and say nothing. */
  async pause(): Promise<void> {
    this.goOn = await pauseServer(this.server.pid);
  }

  resume(): void {
    this.goOn?.();
    this.goOn = null;
  }

  async stop(): Promise<void> {
    this.resume();
    await this.server.stop();
  }
}
