import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RecordReader } from '@crewtab/agent-guard/guard-records';
import { describeWithGuard, guardOfThisMachine } from '../../kit/services/guard-folder';

interface Said {
  readonly stdout: string;
  readonly stderr: string;
  /** True where the last record says that this was all. */
  readonly isWhole: boolean;
}

/** images/guard/guard.c as a program, without a container. */
describeWithGuard('the guard', () => {
  let folder = '';
  const started: ChildProcessWithoutNullStreams[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crewtab-guard-'));
  });

  afterEach(async () => {
    for (const guard of started.splice(0)) guard.kill('SIGKILL');
    await chmod(folder, 0o700);
    await rm(folder, { recursive: true });
  });

  function start(
    command: readonly string[],
    { endsAfterSeconds = 60, mostBytes = 0, under = [] as readonly string[] } = {},
  ) {
    const [program = '', ...words] = [
      ...under,
      guardOfThisMachine() ?? '',
      folder,
      String(endsAfterSeconds),
      String(mostBytes),
      ...command,
    ];
    const guard = spawn(program, words);
    started.push(guard);
    return guard;
  }

  async function endOf(
    guard: ChildProcessWithoutNullStreams,
  ): Promise<{ code: number; log: Buffer; ownMessages: string }> {
    const log: Buffer[] = [];
    const ownMessages: Buffer[] = [];
    guard.stdout.on('data', (chunk: Buffer) => log.push(chunk));
    guard.stderr.on('data', (chunk: Buffer) => ownMessages.push(chunk));
    const [code] = (await once(guard, 'close')) as [number];
    return { code, log: Buffer.concat(log), ownMessages: Buffer.concat(ownMessages).toString() };
  }

  const kept = (): Promise<Buffer> => readFile(join(folder, 'output'));
  const keptCode = (): Promise<string> => readFile(join(folder, 'ended'), 'utf8');

  /** Puts records together, and sees to it that each begins where the one before it ended. */
  function said(records: Buffer): Said {
    const bytes: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
    let position = 0;
    let isWhole = false;
    for (const record of new RecordReader().push(records)) {
      if (record.kind === 'foreign') throw new Error(`no record after ${position}`);
      if (record.position !== position) throw new Error(`a record at ${record.position} instead of ${position}`);
      position = record.end;
      if (record.kind === 'piece') bytes[record.stream].push(record.bytes);
      else isWhole = true;
    }
    expect(position).toBe(records.length);
    const text = (stream: 'stdout' | 'stderr'): string => Buffer.concat(bytes[stream]).toString();
    return { stdout: text('stdout'), stderr: text('stderr'), isWhole };
  }

  const sh = (script: string, ...words: string[]): string[] => ['sh', '-c', script, ...words];

  it('writes the same records into the log and the file, and the exit code beside it', async () => {
    const { code, log } = await endOf(start(sh('echo one; echo two >&2; printf "th\\nree"; exit 7')));
    expect(code).toBe(7);
    expect(said(log)).toEqual({ stdout: 'one\nth\nree', stderr: 'two\n', isWhole: true });
    expect(await kept()).toEqual(log);
    expect(await keptCode()).toBe('7');
  });

  it('gives the program its input, and its end', async () => {
    const guard = start(['cat']);
    guard.stdin.end('a line\n');
    expect(said((await endOf(guard)).log).stdout).toBe('a line\n');
  });

  it('fails a write when the program does not read any more', async () => {
    const guard = start(sh('exec <&-; echo closed; sleep 60'));
    await once(guard.stdout, 'data');
    const broken = once(guard.stdin, 'error');
    guard.stdin.write('are you there?\n');
    expect(await broken).toEqual([expect.objectContaining({ code: 'EPIPE' })]);
  });

  it('holds nothing back of a line that is not complete, except half a character', async () => {
    const guard = start(sh('printf "half \\303"; read line; printf "\\274"; read line'));
    const [first] = (await once(guard.stdout, 'data')) as [Buffer];
    expect(first.toString()).toBe('O 0 5 half \n');
    guard.stdin.write('\n');
    const [second] = (await once(guard.stdout, 'data')) as [Buffer];
    expect(second.toString()).toBe('O 12 2 ü\n');
    guard.stdin.end('\n');
    expect((await endOf(guard)).code).toBe(0);
    expect(said(await kept()).stdout).toBe('half ü');
  });

  it('cuts long lines between characters, and passes on what is no text', async () => {
    const long = 'ü€😀'.repeat(20_000);
    const guard = start(['cat']);
    guard.stdin.end(Buffer.concat([Buffer.from(long), Buffer.from([0xff, 0xc3, 0x0a, 0x80, 0xe2, 0x82])]));
    const { log } = await endOf(guard);
    for (const line of log.toString('latin1').split('\n')) expect(line.length).toBeLessThan(16 * 1024);
    const whole = [...new RecordReader().push(log)].flatMap((record) =>
      record.kind === 'piece' ? [record.bytes] : [],
    );
    expect(Buffer.concat(whole).subarray(Buffer.byteLength(long))).toEqual(
      Buffer.from([0xff, 0xc3, 0x0a, 0x80, 0xe2, 0x82]),
    );
    // What is text is text in each piece by itself: a log that replaces what is none changes nothing of it.
    const pieces = whole.map((piece) => piece.toString());
    expect(pieces.join('').startsWith(long)).toBe(true);
  });

  it('loses nothing of a flood', async () => {
    const { log } = await endOf(start(['seq', '200000']));
    const { stdout } = said(log);
    expect(stdout.length).toBe(1_288_895);
    expect(stdout.endsWith('199999\n200000\n')).toBe(true);
    expect((await kept()).equals(log)).toBe(true);
  });

  it('does not wait for processes that the program leaves running, though one never stops writing', async () => {
    const guard = start(sh('yes & echo $! >&2; exit 3'));
    guard.stdout.resume();
    expect(await once(guard, 'exit')).toEqual([3, null]);
    const { stdout, stderr, isWhole } = said(await kept());
    process.kill(Number(stderr), 'SIGKILL');
    expect([isWhole, stdout.slice(0, 4)]).toEqual([true, stdout === '' ? '' : 'y\ny\n']);
  });

  it('does not wait for processes that the program leaves running', async () => {
    const guard = start(sh('sleep 600 & echo $!; exit 3'));
    expect(await once(guard, 'exit')).toEqual([3, null]);
    process.kill(Number(said(await kept()).stdout), 'SIGKILL');
  });

  it.each([
    ['SIGKILL', 137],
    ['SIGSEGV', 139],
  ])('ends like a program that a %s has killed', async (signal, expected) => {
    expect((await endOf(start(sh(`kill -${signal.slice(3)} $$`)))).code).toBe(expected);
    expect(await keptCode()).toBe(String(expected));
  });

  it('passes signals on, and does not vouch for the exit code of a program that was told to end', async () => {
    const guard = start(sh('trap "echo bye; exit 5" TERM; echo ready; while :; do sleep 0.05; done'));
    await once(guard.stdout, 'data');
    guard.kill('SIGTERM');
    expect((await endOf(guard)).code).toBe(5);
    expect(said(await kept())).toEqual({ stdout: 'ready\nbye\n', stderr: '', isWhole: true });
    await expect(keptCode()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is not meant by a program that signals its own group', async () => {
    const { code } = await endOf(start(sh('trap "exit 5" TERM; kill 0; sleep 60')));
    expect([code, await keptCode()]).toEqual([5, '5']);
  });

  it('has nothing of an earlier guard, as an image that was made of a container brings it', async () => {
    expect((await endOf(start(sh('echo first; exit 0')))).code).toBe(0);
    const { log } = await endOf(start(sh('echo second; exit 9')));
    expect(await kept()).toEqual(log);
    expect(said(log).stdout).toBe('second\n');
    expect(await keptCode()).toBe('9');
  });

  it.each([
    ['removed', 'rm "$1"/output'],
    ['changed', 'echo more >> "$1"/output'],
  ])('does not vouch for output that the agent has %s', async (_how, harm) => {
    expect((await endOf(start(sh(`echo one; ${harm}; exit 0`, 'sh', folder)))).code).toBe(0);
    await expect(keptCode()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('vouches for a program that got a signal of another meaning', async () => {
    const guard = start(sh('trap "echo bye; exit 5" USR1; echo ready; while :; do sleep 0.05; done'));
    await once(guard.stdout, 'data');
    guard.kill('SIGUSR1');
    expect((await endOf(guard)).code).toBe(5);
    expect(await keptCode()).toBe('5');
  });

  it('leaves the program the signals as they were', async () => {
    const { log } = await endOf(start(sh('grep -E "^Sig(Blk|Ign)" /proc/self/status')));
    expect(said(log).stdout).toMatch(/SigBlk:\s+0+\nSigIgn:\s+0+\n/);
  });

  it('ends all at the deadline, also while no reader follows its log', async () => {
    // The test reads its output only after it has ended: the pipe is full by then.
    const guard = start(sh('trap "" TERM; seq 1000000; sleep 600'), { endsAfterSeconds: 1 });
    const [code] = (await once(guard, 'exit')) as [number];
    expect(code).toBe(137);
    expect((await kept()).toString()).toMatch(/^o 0 1 1\no /);
    await expect(keptCode()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('ends a program whose records come to too much, says so, and keeps no more than that', async () => {
    for (const flood of ['yes ""', 'yes', 'yes >&2', 'while :; do echo x; done']) {
      const { code, log } = await endOf(start(sh(`trap "" TERM; ${flood}; sleep 600`), { mostBytes: 100_000 }));
      expect(code).toBe(137);
      expect(said(log)).toMatchObject({ isWhole: true });
      expect(said(log).stderr).toMatch(/crewtab guard: ended the agent, whose output had become too large\n$/);
      expect((await kept()).length).toBeLessThan(500_000);
      await expect(keptCode()).rejects.toMatchObject({ code: 'ENOENT' });
    }
  });

  it('says what it cannot run, with the exit codes of a shell', async () => {
    const missing = await endOf(start(['/no/such/program']));
    expect([missing.code, said(missing.log).stderr]).toEqual([
      127,
      'crewtab guard: cannot run /no/such/program: No such file or directory\n',
    ]);
    const refused = await endOf(start([folder]));
    expect([refused.code, said(refused.log).stderr]).toEqual([
      126,
      `crewtab guard: cannot run ${folder}: Permission denied\n`,
    ]);
  });

  it('runs the program all the same where it can keep nothing', async () => {
    const nowhere = join(folder, 'no', 'folder');
    const guard = spawn(guardOfThisMachine() ?? '', [nowhere, '60', '0', ...sh('echo fine')]);
    started.push(guard);
    const { code, log } = await endOf(guard);
    expect([code, said(log)]).toEqual([0, { stdout: 'fine\n', stderr: '', isWhole: true }]);
  });

  it('does not claim to have kept all when the disk was full', async () => {
    // In blocks of 512 bytes or of a kilobyte: little in any case.
    const { code, log } = await endOf(
      start(['seq', '20000'], { under: ['sh', '-c', 'ulimit -f 16; exec "$@"', 'sh'] }),
    );
    expect(code).toBe(0);
    expect(said(log)).toMatchObject({ isWhole: true, stdout: expect.stringMatching(/\n20000\n$/) as string });
    expect((await kept()).length).toBeLessThan(log.length);
    await expect(keptCode()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('goes on keeping when its log cannot be read any more', async () => {
    const guard = start(sh('read line; echo heard; exit 4'));
    guard.stdout.destroy();
    guard.stdin.end('\n');
    expect(await once(guard, 'exit')).toEqual([4, null]);
    expect(said(await kept())).toEqual({ stdout: 'heard\n', stderr: '', isWhole: true });
    expect(await keptCode()).toBe('4');
  });

  it('says how it is used', async () => {
    const guard = spawn(guardOfThisMachine() ?? '', [folder]);
    started.push(guard);
    expect(await endOf(guard)).toMatchObject({
      code: 125,
      ownMessages: expect.stringContaining('usage: guard') as string,
    });
  });
});
