import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdir,
  mkdtemp,
  open as openFile,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ToolAnswer, ToolCall, ToolSession } from '@crewtab/domain/ports/tool-server';
import { UnixToolServer } from '@crewtab/tool-server/unix-tool-server';
import { silentLogger } from '../../fakes/silent-logger';
import { startNode } from '../../kit/processes';
import { eventually } from '../../kit/wait-for';

describe('UnixToolServer', () => {
  let rootDir: string;
  let toolServer: UnixToolServer;
  const opened: ToolSession[] = [];

  beforeEach(async () => {
    rootDir = await mkdtemp(join(tmpdir(), 'toolServer-'));
    toolServer = new UnixToolServer({ rootDir, bridgeSource: '// bridge', logger: silentLogger });
  });

  afterEach(async () => {
    for (const toolSession of opened.splice(0)) toolSession.close();
    await rm(rootDir, { recursive: true, force: true });
  });

  async function open(answer: (call: ToolCall) => Promise<ToolAnswer>): Promise<ToolSession> {
    const toolSession = await toolServer.open('run-1', 'lead', answer);
    opened.push(toolSession);
    return toolSession;
  }

  function ask(socketDir: string, message: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(join(socketDir, 'team.sock'));
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('closed')));
      createInterface({ input: socket })
        .on('error', reject)
        .on('line', (line) => {
          resolve(JSON.parse(line));
          socket.destroy();
        });
      socket.write(`${message}\n`);
    });
  }

  const call: ToolCall = { id: 'c1', agent: 'lead', tool: 'delegate', arguments: { agent: 'writer', task: 'x' } };

  it('says why a socket could not be made', async () => {
    await writeFile(join(rootDir, 'file'), '');
    const blocked = new UnixToolServer({ rootDir: join(rootDir, 'file'), bridgeSource: '', logger: silentLogger });
    await expect(blocked.open('run-1', 'lead', () => Promise.resolve({ text: '' }))).rejects.toMatchObject({
      code: 'start_failed',
      message: expect.stringMatching(/^the team's socket could not be made: E/) as string,
      retryable: false,
    });
  });

  it('gives each agent of a run a socket in a folder of its own, and knows by it who calls', async () => {
    const answer = ({ agent }: ToolCall): Promise<ToolAnswer> => Promise.resolve({ text: `to ${agent}` });
    const sessions = [
      await toolServer.open('run-1', 'lead', answer),
      await toolServer.open('run-1', 'writer', answer, 1),
      await toolServer.open('run-1', 'analyst', answer, 49),
    ];
    opened.push(...sessions);
    const folders = sessions.map(({ endpoint }) => endpoint.hostFolder);
    expect(new Set(folders).size).toBe(3);
    const answers = await Promise.all(folders.map((folder) => ask(folder, JSON.stringify(call))));
    expect(answers).toMatchObject(['lead', 'writer', 'analyst'].map((agent) => ({ result: { text: `to ${agent}` } })));
    const roles = sessions.map((one) => one.serverAt('/tools').env['CREWTAB_TEAM_ROLE']);
    expect(roles).toEqual([undefined, 'worker', 'worker']);
    for (const toolSession of opened.splice(0)) toolSession.close();
    await toolServer.remove('run-1');
    expect(await readdir(rootDir)).toEqual(['runs']);
    expect(await toolServer.list()).toEqual([]);
  });

  it('carries calls and answers, and refuses what is no call', async () => {
    const calls: ToolCall[] = [];
    const toolSession = await open((asked): Promise<ToolAnswer> => {
      calls.push(asked);
      return Promise.resolve(asked.id === 'c1' ? { text: 'done' } : { error: 'no' });
    });
    expect(toolSession.isReached).toBe(false);
    await expect(ask(toolSession.endpoint.hostFolder, JSON.stringify(call))).resolves.toEqual({
      id: 'c1',
      result: { text: 'done' },
    });
    await expect(ask(toolSession.endpoint.hostFolder, JSON.stringify({ ...call, id: 'c2' }))).resolves.toEqual({
      id: 'c2',
      error: { message: 'no' },
    });
    await expect(ask(toolSession.endpoint.hostFolder, 'rubbish')).resolves.toMatchObject({ id: null });
    await expect(ask(toolSession.endpoint.hostFolder, JSON.stringify({ id: 'c3' }))).resolves.toMatchObject({
      id: 'c3',
      error: {},
    });
    expect(calls).toEqual([call, { ...call, id: 'c2' }]);
    expect(toolSession.isReached).toBe(true);
  });

  it('lets the next worker take the toolSession over', async () => {
    const first = await open(() => new Promise<ToolAnswer>(() => undefined));
    const second = await open(() => Promise.resolve({ text: 'from the second' }));
    expect(second.endpoint.hostFolder).toBe(first.endpoint.hostFolder);
    first.close();
    await expect(ask(second.endpoint.hostFolder, JSON.stringify(call))).resolves.toMatchObject({
      result: { text: 'from the second' },
    });
  });

  it('makes the bridge whole, and does not touch it when it is: an agent may be starting it', async () => {
    const { hostFolder: socketDir } = (await open(() => Promise.resolve({ text: '' }))).endpoint;
    const bridge = join(socketDir, 'team-bridge.js');
    const before = await stat(bridge, { bigint: true });
    await open(() => Promise.resolve({ text: '' }));
    expect((await stat(bridge, { bigint: true })).mtimeNs).toBe(before.mtimeNs);
    await writeFile(bridge, '// bri');
    await open(() => Promise.resolve({ text: '' }));
    expect(await readFile(bridge, 'utf8')).toBe('// bridge');
  });

  it('replaces another bridge in one step: who has begun to read the old one reads all of it', async () => {
    const { hostFolder: socketDir } = (await open(() => Promise.resolve({ text: '' }))).endpoint;
    const bridge = join(socketDir, 'team-bridge.js');
    const reading = await openFile(bridge);
    try {
      const newer = new UnixToolServer({ rootDir, bridgeSource: '// a newer bridge', logger: silentLogger });
      opened.push(await newer.open('run-1', 'lead', () => Promise.resolve({ text: '' })));
      expect(await reading.readFile('utf8')).toBe('// bridge');
      expect(await readFile(bridge, 'utf8')).toBe('// a newer bridge');
      expect((await readdir(socketDir)).filter((name) => name.startsWith('team-bridge'))).toEqual(['team-bridge.js']);
    } finally {
      await reading.close();
    }
  });

  it('gets back the name that a worker took which went on after it had been taken over', async () => {
    const owner = await open(() => Promise.resolve({ text: 'from the owner' }));
    const late = await open(() => Promise.reject(new Error('claim lost')));
    late.close();
    await eventually(async () => (await stat(join(owner.endpoint.hostFolder, 'team.sock'))).isSocket());
    await expect(ask(owner.endpoint.hostFolder, JSON.stringify(call))).resolves.toMatchObject({
      result: { text: 'from the owner' },
    });
  });

  it('gets back the name that a worker took which went on after it had been taken over, and died', async () => {
    const owner = await open(() => Promise.resolve({ text: 'from the owner' }));
    const script = `require('net').createServer().listen('dead.sock', () => console.log('listens'))`;
    const late = startNode('late', ['-e', script], { cwd: owner.endpoint.hostFolder });
    await late.waitForLine(/listens/);
    await symlink('dead.sock', join(owner.endpoint.hostFolder, 'new-link'));
    await rename(join(owner.endpoint.hostFolder, 'new-link'), join(owner.endpoint.hostFolder, 'team.sock'));
    late.kill('SIGKILL');
    await late.exited;
    await eventually(() =>
      expect(ask(owner.endpoint.hostFolder, JSON.stringify(call))).resolves.toMatchObject({
        result: { text: 'from the owner' },
      }),
    );
  });

  it('outlives an agent that goes away without reading its answer', async () => {
    const toolSession = await open(() => Promise.resolve({ text: 'x'.repeat(4_000_000) }));
    const closed: Promise<unknown>[] = [];
    for (let times = 0; times < 3; times += 1) {
      const rude = createConnection(join(toolSession.endpoint.hostFolder, 'team.sock'));
      rude.write(`${JSON.stringify(call)}\n`);
      await once(rude, 'readable');
      // What is left unread in the kernel resets the connection for the other side.
      rude.destroy();
      closed.push(once(rude, 'close'));
    }
    await Promise.all(closed);
    await expect(ask(toolSession.endpoint.hostFolder, 'rubbish')).resolves.toMatchObject({ id: null });
  });

  it('listens no further to one that sends no calls, or one without an end', async () => {
    const toolSession = await open(() => Promise.resolve({ text: '' }));
    for (const rubbish of ['rubbish\n', 'x'.repeat(17 * 1024 * 1024)]) {
      // What was not read any more resets the connection.
      const rude = createConnection(join(toolSession.endpoint.hostFolder, 'team.sock')).on('error', () => undefined);
      const closed = new Promise((resolve) => rude.on('close', resolve));
      rude.write(rubbish);
      rude.resume();
      await closed;
    }
    await expect(ask(toolSession.endpoint.hostFolder, JSON.stringify(call))).resolves.toMatchObject({ result: {} });
  });

  it('asks one that reads nothing for no more, and goes on when it does', async () => {
    const asked = 2_000;
    const toolSession = await open(() => Promise.resolve({ text: 'x'.repeat(10_000) }));
    const slow = createConnection(join(toolSession.endpoint.hostFolder, 'team.sock'));
    slow.write(Array.from({ length: asked }, (_, at) => `${JSON.stringify({ ...call, id: `c${at}` })}\n`).join(''));
    let answered = 0;
    const all = new Promise<void>((resolve) => {
      const lines = createInterface({ input: slow }).on('line', () => {
        answered += 1;
        if (answered === asked) resolve();
      });
      lines.on('error', () => undefined);
    });
    await all;
    slow.destroy();
    expect(answered).toBe(asked);
  });

  it('has toolSession for so many connections, and for the next when one of them ends', async () => {
    const toolSession = await open(() => Promise.resolve({ text: '' }));
    const present = Array.from({ length: 16 }, () =>
      createConnection(join(toolSession.endpoint.hostFolder, 'team.sock')),
    );
    await Promise.all(present.map((socket) => once(socket, 'connect')));
    await expect(ask(toolSession.endpoint.hostFolder, JSON.stringify(call))).rejects.toThrow();
    for (const socket of present) socket.destroy();
    await eventually(() =>
      expect(ask(toolSession.endpoint.hostFolder, JSON.stringify(call))).resolves.toMatchObject({ result: {} }),
    );
  });

  it('knows the caller by its socket, whatever a call says', async () => {
    const callers: string[] = [];
    const { endpoint } = await open(({ agent }) => {
      callers.push(agent);
      return Promise.resolve({ text: '' });
    });
    for (const [at, agent] of ['writer', 'nobody', 7, null, undefined].entries())
      await ask(endpoint.hostFolder, JSON.stringify({ ...call, id: `c${at}`, agent }));
    expect(callers).toEqual(['lead', 'lead', 'lead', 'lead', 'lead']);
  });

  it('has so many unanswered calls of an agent, over all of its connections, and refuses the next', async () => {
    let answerAll: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => (answerAll = resolve));
    let most = 0;
    let pending = 0;
    const { endpoint } = await open(async () => {
      pending += 1;
      most = Math.max(most, pending);
      await answered;
      pending -= 1;
      return { text: 'done' };
    });
    const answers: { readonly result?: object; readonly error?: { readonly message: string } }[] = [];
    const sockets = Array.from({ length: 8 }, () => createConnection(join(endpoint.hostFolder, 'team.sock')));
    for (const [from, socket] of sockets.entries()) {
      createInterface({ input: socket }).on('line', (line) =>
        answers.push(JSON.parse(line) as (typeof answers)[number]),
      );
      for (let count = 0; count < 100; count += 1)
        socket.write(`${JSON.stringify({ ...call, id: `c${from}-${count}` })}\n`);
    }
    await eventually(() => expect(answers).toHaveLength(800 - 256));
    expect(answers.every(({ error }) => error?.message.startsWith('too many calls at once'))).toBe(true);
    expect(pending).toBe(256);
    answerAll();
    await eventually(() => expect(answers).toHaveLength(800));
    expect(most).toBe(256);
    await expect(ask(endpoint.hostFolder, JSON.stringify(call))).resolves.toMatchObject({ result: {} });
    for (const socket of sockets) socket.destroy();
  });

  it('has so many of a run, over all of its agents, and has room again once they are answered or gone', async () => {
    let answerAll: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => (answerAll = resolve));
    const seats: ToolSession[] = [];
    for (let seat = 0; seat < 6; seat += 1)
      seats.push(await toolServer.open('run-1', `agent-${seat}`, () => answered.then(() => ({ text: 'done' })), seat));
    opened.push(...seats);
    const refused: string[] = [];
    let done = 0;
    const sockets = seats.map(({ endpoint }) => createConnection(join(endpoint.hostFolder, 'team.sock')));
    for (const socket of sockets) {
      createInterface({ input: socket }).on('line', (line) => {
        const { error } = JSON.parse(line) as { readonly error?: { readonly message: string } };
        if (error) refused.push(error.message);
        else done += 1;
      });
      for (let count = 0; count < 200; count += 1) socket.write(`${JSON.stringify({ ...call, id: `c${count}` })}\n`);
    }
    await eventually(() => expect(refused).toHaveLength(6 * 200 - 1_024));
    expect(new Set(refused)).toEqual(new Set(['too many calls at once: a run has at most 1024']));
    const other = await toolServer.open('run-2', 'lead', () => Promise.resolve({ text: 'room' }));
    opened.push(other);
    await expect(ask(other.endpoint.hostFolder, JSON.stringify(call))).resolves.toMatchObject({ result: {} });
    sockets[0]?.destroy();
    answerAll();
    await eventually(() => expect(done).toBeGreaterThanOrEqual(1_024 - 200));
    await expect(ask(seats[1]?.endpoint.hostFolder ?? '', JSON.stringify(call))).resolves.toMatchObject({ result: {} });
    for (const socket of sockets) socket.destroy();
  });

  it('has no more of the calls that are still coming than twice the longest, and forgets those that broke off', async () => {
    const { endpoint } = await open(() => Promise.resolve({ text: 'done' }));
    const before = process.memoryUsage().arrayBuffers;
    const closed: Promise<unknown>[] = [];
    const part = Buffer.alloc(15 * 1024 * 1024, 'x');
    for (let count = 0; count < 16; count += 1) {
      const socket = createConnection(join(endpoint.hostFolder, 'team.sock')).on('error', () => undefined);
      closed.push(new Promise((resolve) => socket.on('close', resolve)));
      socket.resume();
      socket.write(part);
    }
    // Two fit, and stay.
    await eventually(async () => expect(await countSettled(closed)).toBeGreaterThanOrEqual(14));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10 * part.length);
    await expect(ask(endpoint.hostFolder, JSON.stringify(call))).resolves.toMatchObject({ result: { text: 'done' } });
  });

  it('leaves a call unanswered when the run is lost, so that it is asked again', async () => {
    const toolSession = await open(() => Promise.reject(new Error('claim lost')));
    await expect(ask(toolSession.endpoint.hostFolder, JSON.stringify(call))).rejects.toThrow('closed');
  });

  describe('where an earlier version let agents write', () => {
    const runId = '0192a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b';
    let folder: string;

    beforeEach(async () => {
      folder = join(rootDir, '8a9b0c1d2e3f4a5b');
      await mkdir(folder);
    });

    it('finds the run by its file', async () => {
      await writeFile(join(folder, 'run'), runId);
      expect(await toolServer.list()).toEqual([runId]);
      await toolServer.remove(runId);
      expect(await readdir(rootDir)).toEqual([]);
    });

    it.each([
      ['a FIFO', () => execFileSync('mkfifo', [join(folder, 'run')])],
      ['a link', () => symlink('/etc/hostname', join(folder, 'run'))],
      ['a folder', () => mkdir(join(folder, 'run'))],
      ['endless', () => symlink('/dev/zero', join(folder, 'run'))],
      ['of megabytes', () => writeFile(join(folder, 'run'), 'x'.repeat(2_000_000))],
      ['that of another run', () => writeFile(join(folder, 'run'), '0192a1b2-c3d4-7e5f-8a9b-000000000000')],
      ['a way out', () => writeFile(join(folder, 'run'), '../../8a9b0c1d2e3f4a5b')],
    ])('is not misled by a file that is %s, and removes it with its run', async (_, spoil) => {
      await spoil();
      expect(await toolServer.list()).toEqual([]);
      const session = await toolServer.open(runId, 'lead', () => Promise.resolve({ text: 'here' }));
      opened.push(session);
      await expect(ask(session.endpoint.hostFolder, JSON.stringify(call))).resolves.toMatchObject({ result: {} });
      expect(await toolServer.list()).toEqual([runId]);
      await toolServer.remove(runId);
      expect(await readdir(rootDir)).toEqual(['runs']);
      expect(await readFile('/etc/hostname', 'utf8')).not.toBe('');
    });

    it.each(['team.sock', 'team-bridge.js'])('puts its own in the place of a spoiled %s', async (name) => {
      const target = join(rootDir, 'target');
      await writeFile(target, 'kept', { mode: 0o600 });
      for (const spoil of [
        () => mkdir(join(folder, name, 'x'), { recursive: true }),
        () => execFileSync('mkfifo', [join(folder, name)]),
        () => symlink(target, join(folder, name)),
      ]) {
        await rm(join(folder, name), { recursive: true, force: true });
        await spoil();
        const session = await toolServer.open(runId, 'lead', () => Promise.resolve({ text: 'here' }));
        await expect(ask(folder, JSON.stringify(call))).resolves.toMatchObject({ result: { text: 'here' } });
        expect(await readFile(join(folder, 'team-bridge.js'), 'utf8')).toBe('// bridge');
        session.close();
      }
      expect(await readFile(target, 'utf8')).toBe('kept');
      expect((await stat(target)).mode & 0o777).toBe(0o600);
    });
  });

  it('lists and removes what runs have on this host', async () => {
    expect(await toolServer.list()).toEqual([]);
    (await open(() => Promise.resolve({ text: '' }))).close();
    expect(await toolServer.list()).toEqual(['run-1']);
    await toolServer.remove('run-1');
    await toolServer.remove('run-1');
    expect(await toolServer.list()).toEqual([]);
  });
});

async function countSettled(promises: readonly Promise<unknown>[]): Promise<number> {
  const open = Symbol();
  const now = await Promise.all(promises.map((one) => Promise.race([one, Promise.resolve(open)])));
  return now.filter((one) => one !== open).length;
}
