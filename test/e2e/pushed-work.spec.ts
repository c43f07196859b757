import { GitServer } from '../kit/servers/git-server';
import { describeWithDocker } from '../kit/services/docker';
import { demoImageWithGit, gitImage } from '../kit/services/git-image';
import type { Run } from '../kit/client';
import { Crewtab } from './support/crewtab';

jest.setTimeout(300_000);

const TOKEN = 'ghp_1canary4-9c3e2a';
const FORMS = [TOKEN, Buffer.from(`x-access-token:${TOKEN}`).toString('base64')];
const COMMIT = 'git add --all && git -c user.name=Crew -c user.email=crew@example.com commit --quiet -m work';
/** The repository's own test: it wants what the agent is to write. */
const FILES = {
  'README.md': '# Site\n',
  'test.sh': 'read -r line < fix.md; [ "$line" = fixed ] || { echo "1 failed"; exit 1; }\n',
};
const WORK = [
  'shell mkdir out',
  'write fix.md fixed',
  `shell ${COMMIT}`,
  'write out/report.md done',
  'answer well done',
];

describeWithDocker('a repository, from its clone to the push of the work', () => {
  let crewtab: Crewtab;
  let server: GitServer;
  let image: string;
  let repositories = 0;
  let name: string;
  let commits: string[];
  beforeAll(async () => {
    server = await GitServer.start({ token: TOKEN });
    image = await demoImageWithGit();
    crewtab = await Crewtab.start({
      workerEnv: { GIT_IMAGE: await gitImage(), NETWORK_ALLOWED_CIDRS: '127.0.0.1/32' },
    });
    await crewtab.api.request('PUT /secrets/:name', { params: { name: 'git' }, body: { value: TOKEN } });
  });
  afterAll(async () => {
    await server.stop();
    await crewtab.stop();
  });
  beforeEach(async () => {
    name = `site-${++repositories}`;
    commits = await server.addRepository(name, FILES);
  });
  afterEach(async () => {
    server.onRequest = server.onDone = () => undefined;
    expect(await crewtab.leftovers()).toEqual([]);
  });

  async function begin(prompt: readonly string[] = WORK, fields: object = {}): Promise<string> {
    const { api } = crewtab;
    const git = { url: server.urlOf(name), ref: 'main', secret: 'git', push: { branch: 'crewtab/work' }, diff: true };
    const team = await api.createTeam({ name: 'Site', workspace: { git }, agents: [crewtab.leader({ image })] });
    const schedule = await api.createSchedule({
      teamId: team.id,
      name: 'x',
      prompt: prompt.join('\n'),
      cron: '0 0 1 1 *',
      verify: { command: ['sh', 'test.sh'] },
      artifacts: ['out/*.md'],
      ...fields,
    });
    return (await api.trigger(schedule.id)).id;
  }

  const play = async (...given: Parameters<typeof begin>): Promise<Run> =>
    crewtab.api.untilFinished(await begin(...given));
  const branch = (): Promise<string | null> => server.commitAt(name, 'refs/heads/crewtab/work');

  it('is cloned with its token, worked on, tested, pushed, and what was asked for is kept', async () => {
    const run = await play();
    expect(run).toMatchObject({
      status: 'success',
      verification: { status: 'passed', checks: [{ kind: 'command', exitCode: 0 }] },
      push: { branch: 'crewtab/work', state: 'pushed', message: null },
      artifacts: { count: 2 },
    });
    expect(await branch()).toBe(run.push?.commit);
    expect(await server.commitAt(name, 'refs/heads/crewtab/work~1')).toBe(commits[1]);
    expect(await server.commitAt(name, 'refs/heads/main')).toBe(commits[1]);
    const { baseUrl, apiKey } = crewtab.api;
    const file = `${baseUrl}/api/v1/runs/${run.id}/artifacts/diff.patch`;
    const patch = await (await fetch(file, { headers: { authorization: `Bearer ${apiKey}` } })).text();
    expect(patch).toMatch(/^diff --git a\/fix.md b\/fix.md\nnew file[^]*^\+fixed$/m);
    const messages = JSON.stringify(await crewtab.api.messages(run.id));
    expect(messages).toContain(`pushed ${run.push?.commit ?? ''} to crewtab/work`);
    const logs = crewtab.workers.flatMap(({ lines }) => lines).join('\n');
    for (const text of [messages, JSON.stringify(run), logs])
      for (const form of FORMS) expect(text.includes(form)).toBe(false);
  });

  it('is not pushed where its test fails, nor where there is nothing to push', async () => {
    const failed = await play(['write fix.md broken', `shell ${COMMIT}`]);
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'verification_failed' }, push: null });
    expect(failed.verification?.checks[0]?.output).toBe('1 failed\n');
    const idle = await play(['write fix.md fixed', 'answer not committed']);
    expect(idle).toMatchObject({ status: 'success', push: { state: 'nothing', commit: commits[1] } });
    expect(await branch()).toBeNull();
  });

  it('fails in the words of git where the branch does not take it', async () => {
    const elsewhere = await play(['write fix.md fixed', 'shell git checkout --quiet --orphan new', `shell ${COMMIT}`]);
    expect(elsewhere).toMatchObject({ status: 'success', push: { state: 'pushed' } });
    const forced = await play();
    expect(forced).toMatchObject({ status: 'failed', error: { code: 'push_failed' }, push: { state: 'not_pushed' } });
    expect(forced.error?.message).toContain('it would have to be forced');
    expect(await branch()).toBe(elsewhere.push?.commit);
  });

  it('runs nothing that the agent wrote for the helper, and goes where none of it leads', async () => {
    const ran = 'touch /workspace/out/ran.md';
    const hook = `mkdir -p out .git/hooks && printf "#!/bin/sh\\\\n${ran}\\\\n" > .git/hooks/pre-push && chmod +x .git/hooks/pre-push`;
    const evil = [
      `shell ${hook}`,
      `shell git config core.fsmonitor '${ran}'`,
      `shell git config credential.helper '!${ran}'`,
      'shell git config url.http://127.0.0.1:1/.insteadOf http://',
    ];
    const run = await play(['write fix.md fixed', `shell ${COMMIT}`, ...evil]);
    expect(run).toMatchObject({ status: 'success', push: { state: 'pushed' }, artifacts: { count: 1 } });
    expect(await branch()).toBe(run.push?.commit);
  });

  it('was pushed, or was not, where a worker is killed in the middle: the next one asks, and pushes no more', async () => {
    const killAt = async (when: 'onRequest' | 'onDone'): Promise<Run> => {
      let release = (): void => undefined;
      let posts = 0;
      const held = new Promise<void>((resolve) => {
        server[when] = async (path) => {
          if (!path.endsWith('/git-receive-pack') || ++posts > 1) return;
          resolve();
          await new Promise<void>((go) => (release = go));
        };
      });
      const id = await begin();
      await held;
      expect(await crewtab.api.run(id)).toMatchObject({ phase: 'verifying', push: { state: 'pushing' } });
      for (const worker of crewtab.workers) worker.kill('SIGKILL');
      await crewtab.startWorker();
      const run = await crewtab.api.untilFinished(id);
      release();
      expect(posts).toBe(1);
      return run;
    };
    const undone = await killAt('onRequest');
    expect(undone).toMatchObject({ status: 'failed', error: { code: 'push_failed' }, push: { state: 'not_pushed' } });
    expect(undone.push?.message).toContain('cut off in the middle');
    expect(await branch()).toBeNull();
    server.onRequest = () => undefined;
    const done = await killAt('onDone');
    expect(done).toMatchObject({ status: 'success', push: { state: 'pushed' } });
    expect(await branch()).toBe(done.push?.commit);
  });
});
