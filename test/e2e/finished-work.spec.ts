import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { S3_KEY, startS3Server, type S3Server } from '../kit/servers/s3-server';
import { describeWithDocker } from '../kit/services/docker';
import { Crewtab } from './support/crewtab';

jest.setTimeout(180_000);

/** Run in the container of the verification, which has the image's own programs, its workspace and nothing else. */
const WRITE = [
  "const fs = require('fs'), os = require('os');",
  "fs.mkdirSync('out', { recursive: true });",
  "fs.writeFileSync('out/report.md', '# Report');",
  "fs.symlinkSync('/etc/passwd', 'out/passwd.md');",
  "fs.symlinkSync('/etc', 'etc');",
  "const nets = Object.keys(os.networkInterfaces()).filter((name) => name !== 'lo');",
  "console.log('nets', nets.length, 'token', process.env.TOKEN);",
].join('\n');

describeWithDocker('work that is verified and kept', () => {
  let crewtab: Crewtab;
  beforeAll(async () => (crewtab = await Crewtab.start({ workers: 2, workerEnv: { VERIFY_TIMEOUT: '20s' } })));
  afterAll(() => crewtab.stop());

  async function play(fields: object, prompt = 'answer {"title": "well"}'): Promise<string> {
    const { api } = crewtab;
    const team = await api.createTeam({ name: 'Alone', agents: [crewtab.leader({ env: { TOKEN: 'geheim' } })] });
    const schedule = { teamId: team.id, name: 'x', prompt, cron: '0 0 1 1 *', ...fields };
    return (await api.trigger((await api.createSchedule(schedule)).id)).id;
  }

  async function ask(path: string): Promise<Response> {
    const { api } = crewtab;
    return fetch(`${api.baseUrl}/api/v1${path}`, { headers: { authorization: `Bearer ${api.apiKey}` } });
  }

  it('succeeds when it holds, without network and variables, and its files are had', async () => {
    const id = await play({
      verify: { command: ['node', '-e', WRITE], schema: { type: 'object', required: ['title'] } },
      artifacts: ['out/*.md', 'etc/*'],
    });
    const run = await crewtab.api.untilFinished(id);
    expect(run).toMatchObject({ status: 'success', artifacts: { count: 1, bytes: 8 } });
    expect(run.verification).toMatchObject({
      status: 'passed',
      checks: [{ kind: 'schema' }, { kind: 'command', exitCode: 0, output: 'nets 0 token undefined\n' }],
    });
    expect(run.warnings).toContainEqual({
      code: 'artifact_refused',
      message: expect.stringContaining('"out/passwd.md" is a link') as string,
    });
    const digest = createHash('sha256').update('# Report').digest('hex');
    const { items } = (await (await ask(`/runs/${id}/artifacts`)).json()) as { items: object[] };
    expect(items).toMatchObject([{ path: 'out/report.md', digest }]);
    expect(await (await ask(`/runs/${id}/artifacts/out/report.md`)).text()).toBe('# Report');
    expect(await readdir(join(crewtab.dataDir, 'artifacts', id))).toHaveLength(1);
    expect(await crewtab.leftovers()).toEqual([]);
  });

  it('fails when it does not hold, says why, and what was left is kept all the same', async () => {
    const command = [
      'node',
      '-e',
      "require('fs').writeFileSync('log.txt', 'x'); console.log('2 failed'); process.exit(1)",
    ];
    const id = await play({ verify: { command, files: ['absent.md'] }, artifacts: ['*.txt'] });
    const run = await crewtab.api.untilFinished(id);
    expect(run).toMatchObject({ status: 'failed', result: '{"title": "well"}', artifacts: { count: 1 } });
    expect(run.error).toEqual({
      code: 'verification_failed',
      message: 'file "absent.md" is not there (and 1 more of 2 checks)',
    });
    expect(run.verification?.checks[1]).toMatchObject({ exitCode: 1, output: '2 failed\n' });
    expect(await crewtab.leftovers()).toEqual([]);
  });

  it('is verified anew when its worker is killed in the middle, and nothing of the first attempt is left', async () => {
    const { api } = crewtab;
    const id = await play({ verify: { command: ['node', '-e', 'setTimeout(() => {}, 6000)'] } });
    await api.untilRun(id, ({ phase }) => phase === 'verifying');
    const worker = await crewtab.workerOf(id);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    worker.kill('SIGKILL');
    await worker.exited;
    const run = await api.untilFinished(id, 90_000);
    expect(run).toMatchObject({ status: 'success', verification: { status: 'passed' } });
    expect(await crewtab.leftovers()).toEqual([]);
  });
});

describeWithDocker('work that is kept in a bucket', () => {
  let server: S3Server;
  let crewtab: Crewtab;
  beforeAll(async () => {
    server = await startS3Server();
    const env = {
      ARTIFACT_FOLDER: '',
      ARTIFACT_S3_BUCKET: `${server.bucket}/production`,
      ARTIFACT_S3_ENDPOINT: server.endpoint,
      ARTIFACT_S3_ACCESS_KEY: S3_KEY.accessKeyId,
      ARTIFACT_S3_SECRET_KEY: S3_KEY.secretAccessKey,
    };
    crewtab = await Crewtab.start({ workers: 2, schedulerEnv: env, workerEnv: env });
  });
  afterAll(async () => {
    await crewtab.stop();
    await server.stop();
  });

  it('is had whole, in part and as an archive, and lies nowhere else', async () => {
    const { api } = crewtab;
    const team = await api.createTeam({ name: 'Alone', agents: [crewtab.leader()] });
    const write =
      "require('fs').writeFileSync('big.txt', 'a'.repeat(9e6) + 'end'); require('fs').writeFileSync('b.md', '')";
    const schedule = await api.createSchedule({
      teamId: team.id,
      name: 'kept',
      prompt: 'answer well',
      cron: '0 0 1 1 *',
      verify: { command: ['node', '-e', write] },
      artifacts: ['*'],
    });
    const { id } = await api.trigger(schedule.id);
    const run = await api.untilFinished(id);
    expect(run).toMatchObject({ status: 'success', artifacts: { count: 2, bytes: 9_000_003 }, warnings: [] });
    const ask = (path: string, headers = {}): Promise<Response> =>
      fetch(`${api.baseUrl}/api/v1/runs/${id}/${path}`, {
        headers: { authorization: `Bearer ${api.apiKey}`, ...headers },
      });
    const whole = Buffer.from(await (await ask('artifacts/big.txt')).arrayBuffer());
    const { items } = (await (await ask('artifacts')).json()) as { items: { path: string; digest: string }[] };
    const listed = items.find(({ path }) => path === 'big.txt');
    expect(createHash('sha256').update(whole).digest('hex')).toBe(listed?.digest);
    const part = await ask('artifacts/big.txt', { range: 'bytes=-5' });
    expect([part.status, await part.text()]).toEqual([206, 'aaend']);
    expect((await (await ask('archive')).arrayBuffer()).byteLength).toBeGreaterThan(1_000);
    expect(
      (await readdir(join(server.folder, 'production', id))).filter((name) => name.endsWith('object')),
    ).toHaveLength(2);
    expect(await readdir(join(crewtab.dataDir, 'artifacts'))).toEqual([]);
    expect(await crewtab.leftovers()).toEqual([]);
  });

  it('keeps a worker from starting that is told of another bucket, and the error names the setting', async () => {
    const error = await crewtab.startWorker({ ARTIFACT_S3_BUCKET: 'absent' }).then(
      () => null,
      (reason: unknown) => String(reason),
    );
    expect(error).toContain('ARTIFACT_S3_BUCKET absent: there is no such bucket');
  });
});
