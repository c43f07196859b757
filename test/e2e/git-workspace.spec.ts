import { describeWithDocker, dockerHost } from '../kit/services/docker';
import Docker from 'dockerode';
import { connectionTo } from '@crewtab/runtime-docker/engine/engine-client';
import { GitServer } from '../kit/servers/git-server';
import { gitImage } from '../kit/services/git-image';
import type { Run, TeamInput } from '../kit/client';
import { Crewtab } from './support/crewtab';

jest.setTimeout(240_000);

const TOKEN = 'ghp_0canary9-7b1d3f';
const FORMS = [TOKEN, Buffer.from(`x-access-token:${TOKEN}`).toString('base64')];

/** What a hostile repository brings: none of it may run, or lead anywhere, in the helper. */
const HOSTILE = {
  'README.md': '# Site\n',
  '.gitattributes': '*.md filter=evil diff=evil\n',
  '.gitmodules':
    '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch% /workspace/ran\n\tupdate = !touch /workspace/ran\n',
  'out/passwd': '-> /etc/passwd',
  folder: '-> /workspace/out',
};

const LOOK = [
  "const fs = require('fs');",
  "const { execFileSync } = require('child_process');",
  "console.log(JSON.stringify({ files: fs.readdirSync('.').sort(), second: fs.existsSync('second.txt'),",
  "config: fs.readFileSync('.git/config', 'utf8'), head: fs.readFileSync('.git/HEAD', 'utf8').trim(),",
  "readme: fs.readFileSync('README.md', 'utf8'), uid: fs.statSync('README.md').uid, me: process.getuid(),",
  'env: Object.entries(process.env).map(String) }))',
].join(' ');

describeWithDocker('a repository in the workspace', () => {
  let crewtab: Crewtab;
  let server: GitServer;
  let commits: string[];
  beforeAll(async () => {
    server = await GitServer.start({ token: TOKEN });
    commits = await server.addRepository('site', HOSTILE);
    crewtab = await Crewtab.start({
      workerEnv: { GIT_IMAGE: await gitImage(), NETWORK_ALLOWED_CIDRS: '127.0.0.1/32' },
    });
    for (const [name, value] of Object.entries({ git: TOKEN, wrong: 'wrong-token-000' }))
      await crewtab.api.request('PUT /secrets/:name', { params: { name }, body: { value } });
  });
  afterAll(async () => {
    // First: where the other has not started, it would keep the tests from their end.
    await server.stop();
    await crewtab.stop();
  });

  async function begin(git: object, files?: Record<string, string>): Promise<string> {
    const { api } = crewtab;
    const workspace = { git: { url: server.urlOf('site'), secret: 'git', ...git }, ...(files && { files }) };
    const leader = crewtab.leader({ protocol: 'command', command: ['node', '-e', LOOK] });
    const team: TeamInput = { name: 'Site', workspace, agents: [leader] };
    const { id: teamId } = await api.createTeam(team);
    const schedule = await api.createSchedule({ teamId, name: 'x', prompt: 'look', cron: '0 0 1 1 *' });
    return (await api.trigger(schedule.id)).id;
  }

  async function play(git: object, files?: Record<string, string>): Promise<Run> {
    return crewtab.api.untilFinished(await begin(git, files));
  }

  interface Seen {
    readonly files: string[];
    readonly second: boolean;
    readonly config: string;
    readonly head: string;
    readonly readme: string;
    readonly uid: number;
    readonly me: number;
    readonly env: string[];
  }
  const seenBy = ({ result }: Run): Seen => JSON.parse(result ?? '{}') as Seen;

  it('is there before the agent starts, under its user, with the files of the team over it', async () => {
    const run = await play({}, { 'README.md': 'ours' });
    expect(run).toMatchObject({ status: 'success' });
    const seen = seenBy(run);
    expect(seen).toMatchObject({ second: true, head: 'ref: refs/heads/main', readme: 'ours' });
    expect(seen.files).toEqual(['.git', '.gitattributes', '.gitmodules', 'README.md', 'folder', 'out', 'second.txt']);
    expect(seen.uid).toBe(seen.me);
    const told = (await crewtab.api.messages(run.id)).map(({ content }) => content['text']);
    expect(told).toContain(`the workspace has main at ${commits[1] ?? ''}`);
    expect(await crewtab.leftovers()).toEqual([]);
  });

  it('is on the branch, the tag or the commit that is asked for, as deep as is asked for', async () => {
    expect(seenBy(await play({ ref: 'next', depth: 1 }))).toMatchObject({ second: true, head: 'ref: refs/heads/next' });
    expect(seenBy(await play({ ref: 'v1' }))).toMatchObject({ second: false, head: commits[0] });
    expect(seenBy(await play({ ref: commits[0] }))).toMatchObject({ second: false, head: commits[0] });
  });

  it('fails the run in the words of git, and no agent starts', async () => {
    const failures: [object, RegExp][] = [
      [{ secret: 'wrong' }, /Authentication failed/],
      [{ secret: undefined }, /could not read Username|terminal prompts disabled/],
      [{ ref: 'no-such-branch' }, /has no branch or tag no-such-branch/],
      [{ url: server.urlOf('nothing') }, /not found/],
      [{ url: 'http://git.invalid/site.git' }, /git\.invalid:80 has no address/],
      [{ url: 'http://10.255.255.1/site.git' }, /10\.255\.255\.1:80 has no public address/],
    ];
    for (const [git, words] of failures) {
      const run = await play(git);
      expect(run).toMatchObject({ status: 'failed', error: { code: 'workspace_failed' } });
      expect(run.error?.message).toMatch(words);
      expect(run.error?.message).not.toContain('wrong-token');
    }
    expect(await crewtab.leftovers()).toEqual([]);
  });

  it('leaves its secret nowhere: not with the agent, not in the conversation, not in what the engine shows', async () => {
    const docker = new Docker(connectionTo(dockerHost()));
    const shown: string[] = [];
    server.onRequest = async () => {
      for (const { Id } of await docker.listContainers({ all: true })) {
        const container = docker.getContainer(Id);
        shown.push(JSON.stringify(await container.inspect().catch(() => null)));
        shown.push(JSON.stringify(await container.top().catch(() => null)));
      }
    };
    const run = await play({});
    server.onRequest = () => undefined;
    expect(run.status).toBe('success');
    const { config, env } = seenBy(run);
    expect(shown.join('')).toContain('fetch.sh');
    const sinks = { shown: shown.join('\n'), config, env: env.join('\n') };
    const messages = JSON.stringify(await crewtab.api.messages(run.id));
    const team = JSON.stringify(await crewtab.api.request('GET /teams', { query: {} }));
    const logs = crewtab.workers.flatMap(({ lines }) => lines).join('\n');
    for (const [sink, text] of Object.entries({ ...sinks, messages, team, logs }))
      for (const form of FORMS) expect([sink, text.includes(form)]).toEqual([sink, false]);
  });

  it('is fetched anew by the next worker where one was killed in the middle', async () => {
    let hold = true;
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      server.onRequest = async (path) => {
        if (!hold || !path.endsWith('git-upload-pack')) return;
        resolve();
        await new Promise<void>((go) => (release = go));
      };
    });
    const id = await begin({});
    await held;
    hold = false;
    const [first] = crewtab.workers;
    first?.kill('SIGKILL');
    await crewtab.startWorker();
    const run = await crewtab.api.untilFinished(id);
    release();
    server.onRequest = () => undefined;
    expect(run).toMatchObject({ status: 'success' });
    expect(seenBy(run)).toMatchObject({ second: true });
    expect(await crewtab.leftovers()).toEqual([]);
  });
});
