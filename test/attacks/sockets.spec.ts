import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { confineOfThisMachine, describeWithGuard, guardOfThisMachine } from '../kit/services/guard-folder';
import { compileRawSockets, workedOf } from './support/raw-sockets';

/** By the kernel or the user's rights any of them may be refused anyway, here or there. */
const REFUSED = [
  'packets',
  'vsock',
  'vsock datagrams',
  'vsock with a high half',
  'crypto',
  'bluetooth',
  'can',
  'tipc',
  'tipc pair',
  'rds',
  'xdp',
  'nfc',
  'key',
  'x25',
  'qipcrtr',
  'netfilter',
  'sockets of others',
  'ring',
  'x32 vsock',
  'i386 vsock',
  'i386 vsock by socketcall',
  'i386 tipc pair',
  'i386 tipc pair by socketcall',
  'i386 ring',
  'hypervisor',
];

describeWithGuard('what starts an agent or a program', () => {
  const raw = compileRawSockets();
  let folder = '';

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'crewtab-sockets-'));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  afterAll(() => rmSync(raw.folder, { recursive: true }));

  const run = ([program = '', ...words]: readonly string[]) => spawnSync(program, words, { encoding: 'utf8' });

  it.each([
    ['the guard', () => [guardOfThisMachine() ?? '', folder, '60', '0']],
    ['confine', () => [confineOfThisMachine() ?? '']],
  ])('%s leaves it the usual sockets and no others, whoever its user is', (_, under) => {
    const before = workedOf(run([raw.program]).stdout);
    const { stdout, status } = run([...under(), raw.program]);
    expect(status).toBe(0);
    const after = stdout.split('\n').map((line) => line.replace(/^[oOeE] \d+ \d+ /, ''));
    expect(workedOf(after.join('\n'))).toEqual(before.filter((what) => !REFUSED.includes(what)));
    expect(after).toContain('vsock: Address family not supported by protocol');
    expect(after).toContain('list of interfaces: works');
  });
});

describeWithGuard('confine', () => {
  const run = (...words: string[]) => spawnSync(confineOfThisMachine() ?? '', words, { encoding: 'utf8' });

  it.each([
    ['exit 7', 7],
    ['kill -KILL $$', 137],
    ['(sleep 0.05; exit 3) & exit 5', 5],
  ])('ends as its program does: %s', (script, code) => {
    expect(run('sh', '-c', script).status).toBe(code);
  });

  it('says what it cannot run', () => {
    const { status, stderr } = run('/no/such/program');
    expect([status, stderr]).toEqual([
      127,
      'crewtab confine: cannot run /no/such/program: No such file or directory\n',
    ]);
  });
});
