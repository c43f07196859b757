import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeTree } from './remove-tree';

const isRoot = process.getuid?.() === 0;
/** Root may do everything, so as root the tests act as the user whom agents and workers share. */
const OWNER = 1000;

async function asOwner<T>(work: () => Promise<T> | T): Promise<T> {
  if (!isRoot) return work();
  process.seteuid?.(OWNER);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

describe('removeTree', () => {
  let base: string;
  let tree: string;

  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'remove-tree-'));
    tree = join(base, 'tree');
    mkdirSync(tree);
    if (isRoot) for (const path of [base, tree]) chownSync(path, OWNER, OWNER);
  });

  afterEach(() => {
    execFileSync('chmod', ['-R', 'u+rwx', base]);
    execFileSync('rm', ['-rf', base]);
  });

  const shell = (script: string): void =>
    void execFileSync('sh', ['-c', script], { cwd: tree, ...(isRoot ? { uid: OWNER, gid: OWNER } : {}) });
  const remove = (path: string): Promise<void> => asOwner(() => removeTree('test', path));

  it('does nothing where nothing is, and removes a single file', async () => {
    await remove(join(base, 'none'));
    writeFileSync(join(base, 'file'), '');
    await remove(join(base, 'file'));
    expect(readdirSync(base)).toEqual(['tree']);
  });

  it.each([
    ['folders that their owner may not look into', 'mkdir -p x/y/z && touch x/y/z/f && chmod 0 x/y/z x/y x .'],
    ['names with newlines, and names that are no UTF-8', `touch "$(printf 'a\\nb')" && mkdir "$(printf '\\377\\376')"`],
    ['names that look like options', 'touch -- -rf --help && mkdir -- -x'],
    ['FIFOs and sockets', 'mkfifo pipe && mkdir d && mkfifo d/pipe'],
    ['many folders', 'mkdir -p $(seq -f %g/a/b 1 200) && touch $(seq -f %g/a/b/f 1 200)'],
  ])('removes %s', async (_, script) => {
    shell(script);
    await remove(tree);
    expect(existsSync(tree)).toBe(false);
  });

  it('removes a tree that is deeper than a path may be long', async () => {
    const name = 'x'.repeat(200);
    shell(`for i in $(seq 1 25); do mkdir ${name} && cd -P ./${name}; done; touch f`);
    expect(() => rmSync(tree, { recursive: true })).toThrow('ENAMETOOLONG');
    await remove(tree);
    expect(existsSync(tree)).toBe(false);
  });

  it('removes links, and not what they lead to', async () => {
    const other = join(base, 'other');
    mkdirSync(other);
    writeFileSync(join(other, 'kept'), '');
    shell('ln -s ../other link && mkdir folder && ln -s ../../other folder/link');
    await remove(tree);
    symlinkSync(other, tree);
    await remove(tree);
    expect(readdirSync(base)).toEqual(['other']);
    expect(readdirSync(other)).toEqual(['kept']);
  });

  it('goes on beside another removal of the same tree', async () => {
    shell('mkdir -p $(seq -f %g/a 1 200) && touch $(seq -f %g/a/f 1 200)');
    await asOwner(() => Promise.all([removeTree('test', tree), removeTree('test', tree), removeTree('test', tree)]));
    expect(existsSync(tree)).toBe(false);
  });

  it('says what resists', async () => {
    const closed = join(base, 'closed');
    mkdirSync(join(closed, 'x'), { recursive: true });
    chmodSync(closed, 0o500);
    if (isRoot) chownSync(closed, OWNER, OWNER);
    await expect(remove(join(closed, 'x'))).rejects.toMatchObject({ code: 'EACCES' });
  });
});
