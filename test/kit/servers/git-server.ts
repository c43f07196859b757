import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export interface GitServerOptions {
  /** The password of every request; null: none is asked for. */
  readonly token: string | null;
}

/** Repositories over HTTP on this machine: git's own `http-backend` behind a server that asks for a token. */
export class GitServer {
  /** Of each request: method and path, with its user's name. */
  readonly requests: string[] = [];
  /** Called before a request is answered; a promise holds it up. */
  onRequest: (path: string) => Promise<void> | void = () => undefined;
  /** Called when what a request asked for is done; a promise holds up the answer. */
  onDone: (path: string) => Promise<void> | void = () => undefined;

  private constructor(
    readonly root: string,
    private readonly server: Server,
    private readonly options: GitServerOptions,
  ) {}

  static async start(options: GitServerOptions): Promise<GitServer> {
    const root = await mkdtemp(join(tmpdir(), 'crewtab-git-'));
    const server = createServer();
    const made = new GitServer(root, server, options);
    server.on('request', (request, response) => void made.answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return made;
  }

  urlOf(name: string): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/${name}.git`;
  }

  /**
   * A repository with the branches `main` and `next` and the tag `v1`, which is the first of the two commits of `main`.
   * @param files of all of them; a value that begins with `-> ` is a link to what follows
   * @returns the ids of the commits of `main`, the first one first
   */
  async addRepository(name: string, files: Readonly<Record<string, string>>): Promise<string[]> {
    const work = join(this.root, `${name}-work`);
    const git = (...args: string[]) => execute('git', ['-C', work, ...args], { env: IDENTITY });
    await mkdir(work);
    await git('init', '--quiet', '--initial-branch=main');
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(work, path)), { recursive: true });
      if (content.startsWith('-> ')) await execute('ln', ['-s', content.slice(3), join(work, path)]);
      else await writeFile(join(work, path), content);
    }
    await git('add', '--all');
    await git('commit', '--quiet', '--message=first');
    await git('tag', 'v1');
    await writeFile(join(work, 'second.txt'), 'second\n');
    await git('add', '--all');
    await git('commit', '--quiet', '--message=second');
    await git('branch', 'next');
    await git('clone', '--quiet', '--bare', work, join(this.root, `${name}.git`));
    await execute('git', ['-C', join(this.root, `${name}.git`), 'config', 'http.receivepack', 'true']);
    const { stdout } = await git('rev-list', '--reverse', 'main');
    return stdout.trim().split('\n');
  }

  /** The id of the commit that a ref is at; null: there is no such ref. */
  async commitAt(name: string, ref: string): Promise<string | null> {
    const args = ['-C', join(this.root, `${name}.git`), 'rev-parse', '--verify', '--quiet', ref];
    return execute('git', args, { env: IDENTITY }).then(
      ({ stdout }) => stdout.trim(),
      () => null,
    );
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    await rm(this.root, { recursive: true, force: true });
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { token } = this.options;
    const { pathname, search } = new URL(request.url ?? '/', 'http://server');
    const [, given = ''] = (request.headers.authorization ?? '').split(' ');
    const [user = '', ...password] = Buffer.from(given, 'base64').toString().split(':');
    this.requests.push(`${request.method ?? ''} ${pathname} ${user}`);
    await this.onRequest(pathname);
    if (token !== null && password.join(':') !== token) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end('who are you?');
      return;
    }
    // Its client is gone: nothing would end what it asked for.
    if (response.closed) return;
    const backend = spawn('git', ['http-backend'], {
      env: {
        ...IDENTITY,
        GIT_PROJECT_ROOT: this.root,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: pathname,
        QUERY_STRING: search.slice(1),
        REQUEST_METHOD: request.method,
        REMOTE_USER: user,
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      },
    });
    response.once('close', () => backend.kill());
    request.pipe(backend.stdin);
    backend.stdin.on('error', () => undefined);
    const chunks: Buffer[] = [];
    for await (const chunk of backend.stdout) chunks.push(chunk as Buffer);
    await this.onDone(pathname);
    const output = Buffer.concat(chunks);
    const end = output.indexOf('\r\n\r\n');
    const headers = output
      .subarray(0, end)
      .toString()
      .split('\r\n')
      .map((line) => line.split(/:\s*/, 2));
    const status = headers.find(([name]) => name === 'Status')?.[1] ?? '200';
    for (const [name = '', value = ''] of headers) if (name !== 'Status') response.setHeader(name, value);
    response.writeHead(Number.parseInt(status, 10)).end(output.subarray(end + 4));
  }
}

const IDENTITY: NodeJS.ProcessEnv = {
  PATH: process.env['PATH'],
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'Test',
  GIT_AUTHOR_EMAIL: 'test@example.com',
  GIT_COMMITTER_NAME: 'Test',
  GIT_COMMITTER_EMAIL: 'test@example.com',
};
