import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DIFF_SCRIPT, PARTIAL } from '@crewtab/orchestrator/running/diff-script';
import { gitEnvironment, HELPER_FOLDER } from '@crewtab/orchestrator/running/fetch-script';
import { NOT_SENT } from '@crewtab/orchestrator/running/push-script';
import { GitServer } from '../../kit/servers/git-server';

const execute = promisify(execFile);
const FILES = { 'README.md': '# Site\n', '.gitignore': 'cache/\n', 'link.md': '-> README.md', 'old.md': 'old\n' };

let server: GitServer;
let root: string;
let fetched: string;
beforeAll(async () => {
  server = await GitServer.start({ token: null });
  [, fetched = ''] = await server.addRepository('site', FILES);
});
afterAll(() => server.stop());
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'diff-script-'));
  await execute('git', ['clone', '--quiet', '--depth=1', `file://${join(server.root, 'site.git')}`, inWorkspace('')]);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const inWorkspace = (path: string): string => join(root, 'workspace', path);
const git = (...args: string[]) =>
  execute('git', ['-C', inWorkspace(''), '-c', 'user.name=A', '-c', 'user.email=a@example.com', ...args]);

async function run(commit = fetched) {
  const local = (text: string): string =>
    text.replaceAll(HELPER_FOLDER, join(root, 'helper')).replaceAll('/workspace', join(root, 'workspace'));
  await mkdir(join(root, 'helper'));
  await writeFile(join(root, 'helper/diff.sh'), local(DIFF_SCRIPT));
  const env = Object.entries(gitEnvironment(server.urlOf('site'), false)).map(([key, value]) => [key, local(value)]);
  const variables = { PATH: process.env['PATH'], CREWTAB_COMMIT: commit };
  await execute('sh', [join(root, 'helper/diff.sh')], {
    env: { ...Object.fromEntries(env), ...variables } as NodeJS.ProcessEnv,
  });
  return readFile(inWorkspace('diff.patch'), 'utf8');
}

describe('the script that tells what a run has changed', () => {
  it('has what was committed and what was not, as git applies it', async () => {
    await writeFile(inWorkspace('README.md'), '# Ours\n');
    await git('commit', '--quiet', '--all', '--message=work');
    await writeFile(inWorkspace('new.bin'), Buffer.from([0, 1, 2, 255]));
    await rm(inWorkspace('old.md'));
    await rm(inWorkspace('link.md'));
    await symlink('/etc/passwd', inWorkspace('link.md'));
    await mkdir(inWorkspace('cache'));
    await writeFile(inWorkspace('cache/big'), 'x');
    await writeFile(inWorkspace('diff.patch'), 'what an agent left there');
    const patch = await run();
    expect([...patch.matchAll(/^diff --git a\/(\S+)/gm)].map(([, path]) => path)).toEqual([
      'README.md',
      'link.md',
      'new.bin',
      'old.md',
    ]);
    expect(patch).not.toContain('root:');
    const clean = join(root, 'clean');
    await execute('git', ['clone', '--quiet', join(server.root, 'site.git'), clean]);
    await execute('git', ['-C', clean, 'apply', '--index', inWorkspace('diff.patch')]);
    expect(await readFile(join(clean, 'README.md'), 'utf8')).toBe('# Ours\n');
    expect(await readFile(join(clean, 'new.bin'))).toEqual(Buffer.from([0, 1, 2, 255]));
  });

  it('is empty where nothing was changed', async () => {
    expect(await run()).toBe('');
  });

  it('runs nothing of what an agent wrote, and writes over no file that a link leads to', async () => {
    const ran = join(root, 'ran');
    await writeFile(join(root, 'outside'), 'stays');
    await symlink(join(root, 'outside'), inWorkspace('diff.patch'));
    for (const [key, value] of [
      ['core.fsmonitor', `touch ${ran}`],
      ['diff.external', `touch ${ran}`],
      ['diff.evil.textconv', `touch ${ran};`],
      ['filter.evil.clean', `touch ${ran}`],
      ['filter.evil.required', 'true'],
      ['core.worktree', '/etc'],
    ] as const)
      await execute('git', ['config', '--file', inWorkspace('.git/config'), key, value]);
    await writeFile(inWorkspace('.gitattributes'), '* filter=evil diff=evil\n');
    await writeFile(inWorkspace('README.md'), '# Ours\n');
    // A repository within, with settings of its own.
    await mkdir(inWorkspace('within'));
    await execute('git', ['init', '--quiet', inWorkspace('within')]);
    await execute('git', ['config', '--file', inWorkspace('within/.git/config'), 'core.fsmonitor', `touch ${ran}`]);
    await expect(run()).rejects.toMatchObject({ code: PARTIAL, stderr: expect.stringContaining('within') as string });
    expect(await readFile(inWorkspace('diff.patch'), 'utf8')).toContain('+# Ours');
    expect(await readFile(join(root, 'outside'), 'utf8')).toBe('stays');
    await expect(stat(ran)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('says where the fetched commit is gone', async () => {
    await expect(run('a'.repeat(40))).rejects.toMatchObject({
      code: NOT_SENT,
      stderr: expect.stringContaining('is not in the workspace') as string,
    });
  });
});
