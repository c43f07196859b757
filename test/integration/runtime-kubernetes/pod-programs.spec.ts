import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repackFiles } from '@crewtab/runtime-kubernetes/pod/file-stream';
import { describeWithGuard, GUARD_FOLDER } from '../../kit/services/guard-folder';
import { eventually } from '../../kit/wait-for';

const ARCHITECTURE = { x64: 'amd64' }[process.arch as string] ?? process.arch;
const program = (name: string): string => `${GUARD_FOLDER}/${name}-${ARCHITECTURE}`;

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** The folders of one agent, and what was started on them. */
class Lab {
  readonly folder = mkdtempSync(join(tmpdir(), 'crewtab-pod-'));
  readonly guard = join(this.folder, 'guard');
  readonly given = join(this.folder, 'given');
  private readonly started: ChildProcessWithoutNullStreams[] = [];

  constructor() {
    for (const made of [this.guard, this.given]) mkdirSync(made);
  }

  /** An agent's container, as far as it is its launcher. */
  launch(...command: string[]): Promise<Ended> {
    return this.launchIn('open', command);
  }

  launchIn(network: 'open' | 'none' | 'allowlist', command: readonly string[]): Promise<Ended> {
    return this.run('launcher', [this.guard, this.given, network, program('guard'), '60', '100000000', ...command]);
  }

  keeper(act: readonly string[], input: string | Buffer = ''): Promise<Ended> {
    return this.run('keeper', act, input);
  }

  release(env = ''): Promise<Ended> {
    return this.keeper(['release', this.guard, this.given, String(Buffer.byteLength(env))], env);
  }

  feed(...pieces: string[]): Promise<Ended> {
    return this.keeper(['feed', this.guard], pieces.join(''));
  }

  /** As the kubelet asks for it. */
  end(): void {
    for (const one of this.started) one.kill('SIGTERM');
  }

  dispose(): void {
    for (const one of this.started) one.kill('SIGKILL');
    // What stands apart from its container's main process ends with the container, of which there is none here.
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      if (commandOf(pid).includes(this.folder)) process.kill(Number(pid), 'SIGKILL');
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  private run(name: string, args: readonly string[], input: string | Buffer = ''): Promise<Ended> {
    const child = spawn(program(name), args, { env: { PATH: '/usr/bin:/bin' } });
    this.started.push(child);
    const said = { out: '', err: '' };
    child.stdout.on('data', (bytes: Buffer) => (said.out += bytes.toString()));
    child.stderr.on('data', (bytes: Buffer) => (said.err += bytes.toString()));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    return new Promise((resolve) => child.on('close', (code) => resolve({ code, ...said })));
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

async function* one(bytes: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(bytes);
}

function piece(text: string, id: string = randomUUID(), end = ''): string {
  return `${id} ${Buffer.byteLength(text)}${end}\n${text}`;
}

const ECHO = 'while IFS= read -r line; do echo "echo: $line"; done; echo end of input';

describeWithGuard('the programs of a pod', () => {
  let lab: Lab;
  beforeEach(() => {
    lab = new Lab();
  });
  afterEach(() => lab.dispose());

  it('start an agent when it is released, with what it was given, which is left nowhere', async () => {
    const ended = lab.launch('/bin/sh', '-c', 'echo "$GREETING, $PATH"; exit 3');
    expect(readdirSync(lab.guard)).toEqual([]);
    expect(await lab.release('GREETING=grüße\0')).toMatchObject({ code: 0, out: 'started\n' });
    expect((await ended).code).toBe(3);
    expect(readdirSync(lab.given)).toEqual([]);
    expect(readFileSync(join(lab.guard, 'output'), 'utf8')).toContain('grüße, /usr/bin:/bin');
  }, 30_000);

  it('start it once, however often it is released', async () => {
    const ended = lab.launch('/bin/sh', '-c', 'echo "$A"');
    const both = await Promise.all([lab.release('A=1\0'), lab.release('A=1\0')]);
    await ended;
    for (const one of [...both, await lab.release('A=2\0')]) expect(one).toMatchObject({ code: 0, out: 'started\n' });
    expect(readFileSync(join(lab.guard, 'output'), 'utf8').match(/^o /gm)).toHaveLength(1);
  }, 30_000);

  it.each([
    ['/no/such/program', 127, 'No such file or directory'],
    ['no-such-program', 127, 'No such file or directory'],
    ['/etc', 126, 'Permission denied'],
  ])('say why %s cannot be run', async (command, code, why) => {
    const ended = lab.launch(command);
    expect(await lab.release()).toMatchObject({ code: 0, out: `failed cannot run ${command}: ${why}\n` });
    expect((await ended).code).toBe(code);
  });

  it.each([
    ['open', 'internet: ECONNREFUSED, unix: works'],
    ['none', 'internet: EAFNOSUPPORT, unix: works'],
  ] as const)('leave an agent the sockets of the network %s', async (network, words) => {
    const script = `const net = require('net');
      const tried = new Promise((resolve) => net.connect(1, '127.0.0.1').on('error', ({ code }) => resolve(code)));
      const unix = new Promise((resolve) => net.createServer().listen('${lab.folder}/s', () => resolve('works')));
      (async () => {
        console.log('internet: ' + (await tried) + ', unix: ' + (await unix));
        process.exit(0);
      })();`;
    const ended = lab.launchIn(network, [process.execPath, '-e', script]);
    await lab.release();
    await ended;
    expect(readFileSync(join(lab.guard, 'output'), 'utf8')).toContain(words);
  });

  it('lead from a port of loopback to a socket under the network allowlist', async () => {
    const socket = join(lab.folder, 'proxy.sock');
    const server = createServer((client) => client.end('from the proxy')).unref();
    await once(server.listen(socket), 'listening');
    const script = `require('net').connect(33128, '127.0.0.1').on('data', (text) => console.log('heard ' + text));`;
    const forwarder = [program('forwarder'), '33128', socket];
    const ended = lab.launchIn('allowlist', [...forwarder, process.execPath, '-e', script]);
    expect(await lab.release()).toMatchObject({ code: 0, out: 'started\n' });
    expect((await ended).code).toBe(0);
    expect(readFileSync(join(lab.guard, 'output'), 'utf8')).toContain('heard from the proxy');
    server.close();
  }, 30_000);

  it('say why a program behind a forwarder cannot be run', async () => {
    const ended = lab.launchIn('allowlist', [program('forwarder'), '33129', join(lab.folder, 's'), '/no/such']);
    expect((await lab.release()).out).toBe('failed cannot run /no/such: No such file or directory\n');
    expect((await ended).code).toBe(127);
  }, 30_000);

  it('reach a pod that listens, and say where one does not', async () => {
    const listening = lab.keeper(['listen', '33130']);
    await eventually(async () => (await lab.keeper(['reach', '127.0.0.1', '33130'])).code === 0);
    expect((await lab.keeper(['reach', '::1', '33130'])).code).toBe(0);
    expect((await lab.keeper(['reach', '127.0.0.1', '33131'])).code).toBe(9);
    lab.end();
    expect((await listening).code).toBe(0);
  }, 30_000);

  it('take each piece of input once, in order, and its end', async () => {
    const ended = lab.launch('/bin/sh', '-c', ECHO);
    await lab.release();
    const id = randomUUID();
    const one = await lab.feed(piece('one\n', id), piece('one\n', id), piece('two '));
    expect(one).toMatchObject({
      code: 0,
      out: expect.stringMatching(new RegExp(`^${id} 0\n${id} 0\n\\S+ 0\n$`)) as string,
    });
    // A worker that did not hear the answer.
    expect((await lab.feed(piece('one\n', id))).out).toBe(`${id} 0\n`);
    const last = await lab.feed(piece('lines\n', undefined, ' end'), piece('too late\n'));
    expect(last.out).toMatch(/ 0\n\S+ [57]\n$/);
    await ended;
    const { out, err, code } = await lab.keeper(['follow', lab.guard, '0']);
    expect(out.match(/^o \d+ \d+ .*$/gm)?.map((line) => line.split(' ').slice(3).join(' '))).toEqual([
      'echo: one',
      'echo: two lines',
      'end of input',
    ]);
    expect({ code, err }).toEqual({ code: 0, err: `end ${Buffer.byteLength(out)}\n` });
    expect((await lab.feed(piece('after its end\n'))).out).toMatch(/ 5\n$/);
  }, 30_000);

  it('take nothing of a piece that breaks off', async () => {
    const ended = lab.launch('/bin/sh', '-c', ECHO);
    await lab.release();
    expect(await lab.feed(`${randomUUID()} 100\nonly a part`)).toMatchObject({ code: 3, out: '' });
    await lab.feed(piece('', undefined, ' end'));
    await ended;
    expect((await lab.keeper(['follow', lab.guard, '0'])).out).not.toContain('only');
  }, 30_000);

  it('carry megabytes to an agent that reads slowly', async () => {
    const ended = lab.launch('/bin/sh', '-c', 'sleep 0.5; cat | wc -c');
    await lab.release();
    expect((await lab.feed(piece('x'.repeat(8_000_000)), piece('', undefined, ' end'))).out).toMatch(
      /^\S+ 0\n\S+ 0\n$/,
    );
    await ended;
    expect((await lab.keeper(['follow', lab.guard, '0'])).out).toContain('8000000');
  }, 30_000);

  it('follow output from a position, as it comes, until the agent has ended', async () => {
    const ended = lab.launch('/bin/sh', '-c', 'echo first; sleep 0.5; echo second');
    await lab.release();
    const all = await lab.keeper(['follow', lab.guard, '0']);
    await ended;
    const from = all.out.indexOf('\n') + 1;
    expect((await lab.keeper(['follow', lab.guard, String(from)])).out).toBe(all.out.slice(from));
    expect(all.out).toContain('second');
  }, 30_000);

  it('read no file that an agent has put in the place of its output', async () => {
    const secret = join(lab.folder, 'secret');
    writeFileSync(secret, 'of another');
    const ended = lab.launch('/bin/sh', '-c', `ln -sf ${secret} ${lab.guard}/output; echo more`);
    await lab.release();
    await ended;
    expect(await lab.keeper(['follow', lab.guard, '0'])).toMatchObject({ code: 0, out: '' });
  }, 30_000);

  it('put and read files without following a link of an agent', async () => {
    const root = join(lab.folder, 'workspace');
    mkdirSync(root);
    symlinkSync(lab.guard, join(root, 'link'));
    const put = (path: string): Promise<Ended> =>
      lab.keeper(['put', root], `f 644 2 ${Buffer.byteLength(path)} 0\n${path}hi.\n`);
    expect((await put('a/b/c')).code).toBe(0);
    expect((await put('link/x')).code).not.toBe(0);
    expect(readdirSync(lab.guard)).toEqual([]);
    expect((await put('link')).code).toBe(0);
    const read = async (path: string): Promise<string> =>
      (await lab.keeper(['read', root, path])).out.replace(/^(.*[fdlo] \d+ \d+ \d+ \d+) \d+$/gm, '$1 AGE');
    expect(await read('a/b')).toBe('d 755 0 3 0 AGE\na/bf 644 2 5 0 AGE\na/b/chi.\n');
    symlinkSync('/etc', join(root, 'etc'));
    expect((await lab.keeper(['read', root, 'etc/passwd'])).code).toBe(4);
    expect(await read('etc')).toBe('l 777 0 3 4 AGE\netc/etc.\n');
    expect((await lab.keeper(['put', root], 'f 644 9 1 0\nzshort')).code).toBe(3);
    expect(readdirSync(root).sort()).toEqual(['a', 'etc', 'link']);
  });

  it('make one folder the same as another, and follow no link in it', async () => {
    const [from, to] = [join(lab.folder, 'from'), join(lab.folder, 'to')];
    for (const made of [from, join(from, 'a'), join(from, 'empty'), to, join(to, 'old'), join(to, 'file')])
      mkdirSync(made);
    writeFileSync(join(from, 'a/one'), 'new', { mode: 0o750 });
    utimesSync(join(from, 'a/one'), 1_000_000, 1_000_000);
    writeFileSync(join(from, 'file'), 'was a folder');
    symlinkSync('a/one', join(from, 'link'));
    symlinkSync(lab.guard, join(from, 'out'));
    writeFileSync(join(lab.guard, 'kept'), 'of another');
    // What is there is longer, of another kind, or not in the other one.
    writeFileSync(join(to, 'a'), 'was a file');
    writeFileSync(join(to, 'file/inner'), '');
    writeFileSync(join(to, 'old/deep'), '');
    symlinkSync(lab.guard, join(to, 'link'));
    symlinkSync(lab.guard, join(to, 'old/out'));
    const chunks: Buffer[] = [];
    const said = Buffer.from((await lab.keeper(['read', from, ''])).out);
    for await (const chunk of repackFiles(one(said))) chunks.push(chunk);
    expect(await lab.keeper(['mirror', to], Buffer.concat(chunks))).toMatchObject({ code: 0, err: '' });
    expect(readdirSync(to).sort()).toEqual(['a', 'empty', 'file', 'link', 'out']);
    expect([readdirSync(join(to, 'a')), readdirSync(join(to, 'empty'))]).toEqual([['one'], []]);
    expect(readFileSync(join(to, 'link'), 'utf8')).toBe('new');
    expect(readlinkSync(join(to, 'out'))).toBe(lab.guard);
    const { mode, mtimeMs } = statSync(join(to, 'a/one'));
    expect(mode & 0o777).toBe(0o750);
    expect(Math.abs(mtimeMs - 1_000_000_000)).toBeLessThan(5_000);
    expect(readdirSync(lab.guard)).toEqual(['kept']);
  });

  it('remove nothing where the other folder does not come whole', async () => {
    const root = join(lab.folder, 'workspace');
    mkdirSync(root);
    writeFileSync(join(root, 'kept'), '');
    expect((await lab.keeper(['mirror', root], 'f 644 2 1 0 1\nahi')).code).toBe(3);
    expect(readdirSync(root).sort()).toEqual(['a', 'kept']);
  });
});
