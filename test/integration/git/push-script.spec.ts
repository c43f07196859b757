import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gitEnvironment, HELPER_FOLDER } from '@crewtab/orchestrator/running/fetch-script';
import { NOT_SENT, PUSH_SCRIPT, REFUSED, UNKNOWN } from '@crewtab/orchestrator/running/push-script';
import { GitServer } from '../../kit/servers/git-server';

const execute = promisify(execFile);
const TOKEN = 'a-token-of-the-test';

let server: GitServer;
let root: string;
let base: string;
let name: string;
let repositories = 0;
beforeAll(async () => (server = await GitServer.start({ token: TOKEN })));
afterAll(() => server.stop());
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'push-script-'));
  name = `site-${++repositories}`;
  [, base = ''] = await server.addRepository(name, { 'README.md': '# Site\n' });
  await execute('git', ['clone', '--quiet', join(server.root, `${name}.git`), join(root, 'workspace')]);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const inWorkspace = (path: string): string => join(root, 'workspace', path);
const IDENTITY = ['-c', 'user.name=Agent', '-c', 'user.email=agent@example.com'];

async function git(...args: string[]): Promise<string> {
  const { stdout } = await execute('git', ['-C', inWorkspace(''), ...IDENTITY, ...args]);
  return stdout.trim();
}

/** As an agent leaves it. @returns the commit */
async function work(text = 'done\n'): Promise<string> {
  await writeFile(inWorkspace('work.md'), text);
  await git('add', '--all');
  await git('commit', '--quiet', '--message=work');
  return git('rev-parse', 'HEAD');
}

async function onServer(ref: string): Promise<string> {
  return (await server.commitAt(name, ref)) ?? 'none';
}

interface Asked {
  readonly at?: string;
  readonly branch?: string;
  readonly ask?: boolean;
  readonly token?: string;
  readonly url?: string;
}

/** The script on this machine, in folders of the test in place of a container's. @returns its exit code, and what it said */
async function push(commit: string, { at = '', branch = 'work', ask = false, token = TOKEN, url }: Asked = {}) {
  const local = (text: string): string =>
    text.replaceAll(HELPER_FOLDER, join(root, 'helper')).replaceAll('/workspace', join(root, 'workspace'));
  await rm(join(root, 'helper'), { recursive: true, force: true });
  await mkdir(join(root, 'helper'));
  await writeFile(join(root, 'helper/credential'), `username=someone\npassword=${token}\n`);
  await writeFile(join(root, 'helper/push.sh'), local(PUSH_SCRIPT));
  const to = url ?? server.urlOf(name);
  const env = Object.entries(gitEnvironment(to, true)).map(([key, value]) => [key, local(value)]);
  const variables = {
    ...{ CREWTAB_URL: to, CREWTAB_PUSH: branch, CREWTAB_COMMIT: commit, CREWTAB_BASE: at },
    CREWTAB_ASK: ask ? '1' : '',
  };
  const options = { env: { PATH: process.env['PATH'], ...Object.fromEntries(env), ...variables } as NodeJS.ProcessEnv };
  return execute('sh', [join(root, 'helper/push.sh')], options).then(
    ({ stdout, stderr }) => ({ code: 0, said: `${stdout}${stderr}` }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
      code,
      said: `${stdout}${stderr}`,
    }),
  );
}

describe('the script that pushes the work of a run', () => {
  it('makes the branch, moves it on, and does neither where it was moved meanwhile', async () => {
    const first = await work();
    expect(await push(first)).toMatchObject({ code: 0 });
    expect(await onServer('refs/heads/work')).toBe(first);
    const second = await work('more\n');
    expect(await push(second, { at: first })).toMatchObject({ code: 0 });
    expect(await onServer('refs/heads/work')).toBe(second);
    // It is where no one said that it was: also to where it could be moved forward.
    const third = await work('still more\n');
    const moved = await push(third, { at: first });
    expect(moved).toMatchObject({ code: REFUSED });
    expect(moved.said).toContain('stale info');
    expect(await push(third)).toMatchObject({ code: REFUSED });
    expect(await onServer('refs/heads/work')).toBe(second);
  });

  it('forces nothing: what does not follow the branch is not sent', async () => {
    await git('checkout', '--quiet', '--orphan', 'other');
    const commit = await work();
    const { code, said } = await push(commit, { at: base, branch: 'main' });
    expect({ code, said }).toMatchObject({ code: NOT_SENT });
    expect(said).toContain('it would have to be forced');
    expect(await onServer('refs/heads/main')).toBe(base);
  });

  it('takes packed objects and a shallow history', async () => {
    await rm(inWorkspace(''), { recursive: true });
    const from = `file://${join(server.root, `${name}.git`)}`;
    await execute('git', ['clone', '--quiet', '--depth=1', from, inWorkspace('')]);
    const commit = await work();
    await git('gc', '--quiet', '--prune=now');
    expect(await push(commit, { at: base, branch: 'main' })).toMatchObject({ code: 0 });
    expect(await onServer('refs/heads/main')).toBe(commit);
  });

  it('answers whether the branch is at the commit, without pushing', async () => {
    const commit = await work();
    const before = await push(commit, { ask: true });
    expect(before).toMatchObject({ code: REFUSED, said: 'the branch work is not there\n' });
    await push(commit);
    expect(await push(commit, { ask: true })).toEqual({ code: 0, said: '' });
    expect(await push(base, { ask: true })).toMatchObject({ code: REFUSED, said: `the branch work is at ${commit}\n` });
    expect(await push(commit, { ask: true, token: 'wrong' })).toMatchObject({ code: UNKNOWN });
  });

  it('says in the words of git why it could not, and whether the remote could be asked', async () => {
    const commit = await work();
    const refused = await push(commit, { token: 'wrong-token' });
    expect(refused).toMatchObject({ code: UNKNOWN });
    expect(refused.said).toContain('Authentication failed');
    const hook = join(server.root, `${name}.git`, 'hooks/pre-receive');
    await mkdir(join(hook, '..'), { recursive: true });
    await writeFile(hook, '#!/bin/sh\necho "no pushes on Fridays" >&2\nexit 1\n', { mode: 0o755 });
    const declined = await push(commit);
    expect(declined).toMatchObject({ code: REFUSED });
    expect(declined.said).toContain('no pushes on Fridays');
  });

  it('runs nothing of what an agent wrote, and goes where none of it leads', async () => {
    const ran = join(root, 'ran');
    const touch = `sh -c 'touch ${ran}'`;
    const commit = await work();
    const other = await GitServer.start({ token: null });
    try {
      await other.addRepository('other', { 'a.md': 'x' });
      const settings: [string, string][] = [
        ['core.sshCommand', touch],
        ['core.fsmonitor', touch],
        ['core.hooksPath', inWorkspace('hooks')],
        ['core.gitProxy', touch],
        ['core.alternateRefsCommand', touch],
        ['credential.helper', `!${touch}`],
        ['http.proxy', other.urlOf('other')],
        [`url.${other.urlOf('other')}.insteadOf`, server.urlOf(name)],
        [`url.${other.urlOf('other')}.pushInsteadOf`, server.urlOf(name)],
        ['remote.origin.receivepack', touch],
        ['uploadpack.packObjectsHook', touch],
        ['push.gpgSign', 'true'],
        ['gpg.program', touch],
        ['filter.evil.clean', touch],
        ['filter.evil.smudge', touch],
        ['diff.external', touch],
        ['extensions.partialClone', 'evil'],
        ['remote.evil.url', `ext::${touch}`],
        ['remote.evil.promisor', 'true'],
        ['alias.push', `!${touch}`],
        ['include.path', '/etc/passwd'],
      ];
      for (const [key, value] of settings) await git('config', key, value);
      await mkdir(inWorkspace('hooks'));
      for (const hook of ['pre-push', 'post-index-change', 'reference-transaction'])
        for (const folder of ['hooks', '.git/hooks'])
          await writeFile(inWorkspace(`${folder}/${hook}`), `#!/bin/sh\n${touch}\n`, { mode: 0o755 });
      await writeFile(inWorkspace('.gitattributes'), '* filter=evil diff=evil\n');
      await mkdir(inWorkspace('.git/objects/info'), { recursive: true });
      await writeFile(inWorkspace('.git/objects/info/alternates'), '/proc/self/root/etc\n../../../helper\n');
      await symlink(
        join(root, 'helper/credential'),
        inWorkspace(`.git/objects/${commit.slice(0, 2)}/${'a'.repeat(38)}`),
      );
      await symlink(join(root, 'helper'), inWorkspace('.git/objects/ff'));
      expect(await push(commit)).toMatchObject({ code: 0 });
      expect(await onServer('refs/heads/work')).toBe(commit);
      await expect(stat(ran)).rejects.toMatchObject({ code: 'ENOENT' });
      expect(other.requests).toEqual([]);
    } finally {
      await other.stop();
    }
  });

  it.each([
    ['a link in place of its repository', async () => moveAside('.git', true)],
    ['a file that names a repository elsewhere', async () => moveAside('.git', false)],
    ['a link in place of its objects', async () => moveAside('.git/objects', true)],
    [
      'a pack that is none',
      async () => {
        await mkdir(inWorkspace('.git/objects/pack'), { recursive: true });
        await writeFile(inWorkspace('.git/objects/pack/pack-evil.pack'), 'PACK of lies');
      },
    ],
    [
      'no such commit',
      async () => rm(inWorkspace('.git/objects'), { recursive: true }).then(() => mkdir(inWorkspace('.git/objects'))),
    ],
  ])('sends nothing where the workspace has %s', async (_what, spoil) => {
    const commit = await work();
    await spoil();
    const { code, said } = await push(commit);
    expect({ code, said }).toMatchObject({ code: NOT_SENT });
    expect(said).toMatch(/^fatal: .*workspace/m);
    expect(said).not.toContain(TOKEN);
    expect(await onServer('refs/heads/work')).toBe('none');
  });

  async function moveAside(path: string, isLink: boolean): Promise<void> {
    await rename(inWorkspace(path), join(root, 'aside'));
    if (isLink) await symlink(join(root, 'aside'), inWorkspace(path));
    else await writeFile(inWorkspace(path), `gitdir: ${join(root, 'aside')}\n`);
  }

  it('forgets the credential in the end, and has written nothing into the workspace', async () => {
    const commit = await work();
    await cp(inWorkspace('.git'), join(root, 'before'), { recursive: true });
    await push(commit);
    await expect(readFile(join(root, 'helper/credential'))).rejects.toMatchObject({ code: 'ENOENT' });
    const { stdout } = await execute('diff', ['-r', join(root, 'before'), inWorkspace('.git')]);
    expect(stdout).toBe('');
  });
});
