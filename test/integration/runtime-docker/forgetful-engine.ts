import { randomBytes } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack } from 'tar-stream';

/** An engine with one container, whose log lacks what a test wants it to lack. */
export class ForgetfulEngine {
  readonly socketPath = join(tmpdir(), `crewtab-forgetful-${randomBytes(6).toString('hex')}.sock`);
  isRunning = true;
  /** All that the container's guard has kept; null where it keeps nothing. */
  kept: string | null = '';
  /** How often the kept records were read. */
  reads = 0;
  private sayAgain = (): void => undefined;
  private server: Server | null = null;
  private readonly logs: ServerResponse[] = [];
  private readonly waiting: (() => void)[] = [];

  async start(): Promise<void> {
    const server = createServer(({ url = '', method }, response) => {
      if (url.includes('/logs')) this.openLog(response);
      else if (url.includes('/archive')) this.answerArchive(url, method === 'HEAD', response);
      else response.end(JSON.stringify({ Id: 'c', Path: '/.crewtab/guard', State: this.state() }));
    });
    this.server = server;
    await new Promise<void>((resolve) => server.listen(this.socketPath, resolve));
  }

  async stop(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise((resolve) => this.server?.close(resolve));
  }

  /** Resolves when a reader follows the log. */
  async followed(): Promise<void> {
    if (this.logs.length === 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  /** As the engine sends what the container wrote. */
  say(text: string, stream: 'stdout' | 'stderr' = 'stdout'): void {
    const payload = Buffer.from(text);
    const header = Buffer.alloc(8);
    header.writeUInt8(stream === 'stdout' ? 1 : 2, 0);
    header.writeUInt32BE(payload.length, 4);
    for (const log of this.logs) log.write(Buffer.concat([header, payload]));
  }

  /** The container ends, and with it its log. A reader that asks for the log again hears what `again` says. */
  end(again: () => void = () => undefined): void {
    this.isRunning = false;
    for (const log of this.logs.splice(0)) log.end();
    this.sayAgain = again;
  }

  private state(): object {
    const ended = { Status: 'exited', Running: false, ExitCode: 0, StartedAt: '2026-01-01T00:00:00Z', Error: '' };
    return this.isRunning ? { Status: 'running', Running: true } : ended;
  }

  private openLog(response: ServerResponse): void {
    response.writeHead(200, { date: new Date().toUTCString() });
    response.flushHeaders();
    this.logs.push(response);
    for (const resolve of this.waiting.splice(0)) resolve();
    if (this.isRunning) return;
    this.sayAgain();
    for (const log of this.logs.splice(0)) log.end();
  }

  private answerArchive(url: string, isStat: boolean, response: ServerResponse): void {
    if (this.kept === null || !url.includes(encodeURIComponent('/.crewtab/output'))) {
      response.writeHead(404);
      return void response.end(isStat ? '' : JSON.stringify({ message: 'no such file' }));
    }
    const stat = JSON.stringify({ mode: 0o600, size: Buffer.byteLength(this.kept), linkTarget: '' });
    response.writeHead(200, { 'x-docker-container-path-stat': Buffer.from(stat).toString('base64') });
    if (isStat) return void response.end();
    this.reads++;
    const tar = pack();
    tar.entry({ name: 'output' }, this.kept);
    tar.finalize();
    // A reader that has read enough goes.
    tar.on('error', () => undefined);
    tar.pipe(response);
  }
}
