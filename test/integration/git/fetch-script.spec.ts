import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FACTS, FETCH_SCRIPT, gitEnvironment, HELPER_FOLDER } from '@crewtab/orchestrator/running/fetch-script';
import { GitServer } from '../../kit/servers/git-server';

const TOKEN = 'a-token-of-the-test';
const OLD = 1_700_000_000;

let server: GitServer;
let commits: string[];
let root: string;
beforeAll(async () => {
  server = await GitServer.start({ token: TOKEN });
  commits = await server.addRepository('site', {
    'README.md': '# Site\n',
    '.gitattributes': '* filter=evil\n',
    'link.md': '-> /etc/passwd',
  });
});
afterAll(() => server.stop());
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'fetch-script-'));
  await mkdir(join(root, 'workspace'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** The script on this machine, in folders of the test in place of a container's. */
async function run(ref = '', depth = '', url = server.urlOf('site'), token = TOKEN, push = '', kept = '') {
  const local = (text: string): string =>
    text.replaceAll(HELPER_FOLDER, join(root, 'helper')).replaceAll('/workspace', join(root, 'workspace'));
  await rm(join(root, 'helper'), { recursive: true, force: true });
  await mkdir(join(root, 'helper'));
  await writeFile(join(root, 'helper/credential'), `username=someone\npassword=${token}\n`);
  await writeFile(join(root, 'helper/fetch.sh'), local(FETCH_SCRIPT));
  const env = Object.entries(gitEnvironment(url, true)).map(([name, value]) => [name, local(value)]);
  const variables = {
    CREWTAB_URL: url,
    CREWTAB_REF: ref,
    CREWTAB_DEPTH: depth,
    CREWTAB_PUSH: push,
    CREWTAB_KEPT: kept,
    CREWTAB_OLD: String(OLD),
  };
  const options = { env: { PATH: process.env['PATH'], ...Object.fromEntries(env), ...variables } as NodeJS.ProcessEnv };
  return promisify(execFile)('sh', [join(root, 'helper/fetch.sh')], options);
}

const inWorkspace = (path: string): string => join(root, 'workspace', path);
const head = async (): Promise<string> => (await readFile(inWorkspace('.git/HEAD'), 'utf8')).trim();

describe('the script that fetches a repository', () => {
  it("takes the repository's own branch, older than the run, and its configuration has no credential", async () => {
    const told = await run();
    expect((await readdir(inWorkspace(''))).sort()).toEqual([
      '.git',
      '.gitattributes',
      'README.md',
      'link.md',
      'second.txt',
    ]);
    expect(await head()).toBe('ref: refs/heads/main');
    expect((await stat(inWorkspace('README.md'))).mtimeMs).toBe(OLD * 1_000);
    expect(await readFile(inWorkspace('.git/config'), 'utf8')).not.toContain(TOKEN);
    expect(told.stdout.trim().split('\n').at(-1)).toBe(`${FACTS}${commits[1] ?? ''} none`);
    await expect(stat(join(root, 'helper/credential'))).rejects.toMatchObject({ code: 'ENOENT' });
    const { stdout } = await promisify(execFile)('git', ['-C', inWorkspace(''), 'status', '--porcelain', '--branch']);
    expect(stdout).toBe('## main...origin/main\n');
  });

  it('takes a branch, a tag or a commit, and as many commits as are asked for', async () => {
    await run('next', '1');
    expect(await head()).toBe('ref: refs/heads/next');
    const log = await promisify(execFile)('git', ['-C', inWorkspace(''), 'rev-list', '--count', 'HEAD']);
    expect(log.stdout).toBe('1\n');
    for (const ref of ['v1', commits[0]]) {
      await run(ref);
      expect(await head()).toBe(commits[0]);
    }
  });

  it('tells where the branch is that is pushed to', async () => {
    for (const [branch, there] of [
      ['next', commits[1]],
      ['v1', 'none'],
    ] as const) {
      const { stdout } = await run('v1', '', undefined, undefined, branch);
      expect(stdout).toContain(`${FACTS}${commits[0] ?? ''} ${there ?? ''}\n`);
    }
  });

  it('removes what an attempt that was cut off has left, and follows no link out of the workspace', async () => {
    await writeFile(join(root, 'outside'), 'stays');
    await mkdir(inWorkspace('.git/hooks'), { recursive: true });
    await writeFile(inWorkspace('.git/config'), '[core]\n\tfsmonitor = "touch /tmp/ran"\n');
    await symlink(root, inWorkspace('README.md'));
    await run();
    expect(await readFile(join(root, 'outside'), 'utf8')).toBe('stays');
    expect(await readFile(inWorkspace('README.md'), 'utf8')).toBe('# Site\n');
  });

  it('leaves in a workspace that is kept what the repository does not have, and follows no link there', async () => {
    await writeFile(join(root, 'outside'), 'stays');
    await mkdir(join(root, 'beside'));
    await mkdir(inWorkspace('cache'));
    await writeFile(inWorkspace('cache/big'), 'x');
    await mkdir(inWorkspace('.git/hooks'), { recursive: true });
    await symlink(join(root, 'outside'), inWorkspace('README.md'));
    await symlink(join(root, 'beside'), inWorkspace('second.txt'));
    await run('', '', undefined, undefined, '', '1');
    expect((await readdir(inWorkspace(''))).sort()).toEqual([
      ...['.git', '.gitattributes', 'README.md', 'cache', 'link.md', 'second.txt'],
    ]);
    expect(await readFile(join(root, 'outside'), 'utf8')).toBe('stays');
    expect(await readdir(join(root, 'beside'))).toEqual([]);
    expect(await readFile(inWorkspace('README.md'), 'utf8')).toBe('# Site\n');
    expect(await readdir(inWorkspace('.git'))).not.toContain('hooks');
  });

  it('ends with the words of git where it cannot', async () => {
    await expect(run('', '', undefined, 'wrong-token')).rejects.toMatchObject({
      stderr: expect.stringContaining('Authentication failed') as string,
    });
    await expect(run('nowhere')).rejects.toMatchObject({
      stderr: expect.stringContaining('has no branch or tag nowhere') as string,
    });
    await expect(run('', '', server.urlOf('none'))).rejects.toMatchObject({
      stderr: expect.stringContaining('not found') as string,
    });
    expect(await readdir(inWorkspace(''))).toEqual([]);
  });
});
