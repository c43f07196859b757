import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { resolve } from 'node:path';
import { deployOptions } from '../../contracts/runtime/contract-fixture';
import { shellCommand } from '../../contracts/runtime/behaviours';
import { eventually, LineReader } from '../../contracts/runtime/line-reader';
import { gone, isAlive, ProcessLives } from './process-lives';

const FOREVER = 'while :; do sleep 0.05; done';

let lives: ProcessLives;

beforeEach(async () => {
  lives = await ProcessLives.make();
});
afterEach(() => lives.dispose(), 60_000);

describe('an agent outlives', () => {
  it('a clock that is set forward, past its deadline', async () => {
    const runtime = lives.runtime();
    const soon = { deadlineAt: new Date(Date.now() + 600_000) };
    // As if the clock were set between the order and the supervisor's look at it.
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => new Date().getTime() - 3_600_000);
    const { reader } = await lives.started(runtime, lives.shell('echo ready; read -r line; echo "got $line"'), soon);
    clock.mockRestore();
    await reader.until('ready');
    await reader.channel.write('hello\n');
    await reader.toEnd();
    expect(reader.texts()).toEqual(['ready', 'got hello']);
  }, 60_000);

  it.each(['SIGKILL', 'SIGINT'] as const)(
    'its worker, which ends by %s together with its terminal group',
    async (signal) => {
      const deployment = lives.deployment();
      const agent = lives.shell('', { command: shellCommand({ does: 'echo' }) });
      const hook = resolve(__dirname, '../../support/typescript-hook.cjs');
      const worker = spawn(
        process.execPath,
        [
          '--require',
          hook,
          resolve(__dirname, 'short-lived-worker.ts'),
          lives.rootDir,
          JSON.stringify(deployment),
          JSON.stringify(agent),
        ],
        { detached: true, stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const ended = new Promise((done) => worker.on('close', done));
      for await (const line of createInterface({ input: worker.stdout })) if (line === 'line echo: one') break;
      if (worker.pid === undefined) throw new Error('the worker was not started');
      process.kill(-worker.pid, signal);
      await ended;

      const adopter = lives.runtime();
      const { handle } = await adopter.ensureAgent(deployment, agent, deployOptions());
      expect(await adopter.inspect(handle)).toEqual({ status: 'running' });
      const reader = new LineReader(await adopter.open(handle));
      await reader.channel.write('\ntwo\n');
      await reader.until('echo: two');
      expect(reader.texts()).toEqual(['started', 'echo: one', 'echo: ', 'echo: two']);
    },
    60_000,
  );

  it('its supervisor: it is read, written to and ended, and its end is noticed', async () => {
    const runtime = lives.runtime();
    const { deployment, handle, reader } = await lives.started(
      runtime,
      lives.shell('echo ready; read -r line; echo "got $line"; exec sleep 600'),
    );
    await reader.until('ready');
    await reader.channel.write('hello\n');
    process.kill(await lives.pidIn(deployment, 'supervisor.json'), 'SIGKILL');
    await reader.until('got hello');
    expect(await runtime.inspect(handle)).toEqual({ status: 'running' });
    process.kill(await lives.pidIn(deployment, 'agent.json'), 'SIGKILL');
    await reader.toEnd();
    expect(await runtime.inspect(handle)).toMatchObject({
      status: 'exited',
      exitCode: 137,
      message: expect.stringContaining('supervisor') as string,
    });
  }, 60_000);
});

describe('nothing of an agent outlives', () => {
  it('the agent itself in its process group', async () => {
    const runtime = lives.runtime();
    const { handle, reader } = await lives.started(runtime, lives.shell('sleep 600 & echo $!; exit 4'));
    const child = Number((await reader.next())?.text);
    await reader.toEnd();
    await gone(child);
    expect(await runtime.inspect(handle)).toMatchObject({ status: 'exited', exitCode: 4 });
  }, 60_000);

  it('its deadline by more than the grace, even if no worker is there', async () => {
    const runtime = lives.runtime({ orphanGraceMs: 100 });
    const soon = { deadlineAt: new Date(Date.now() + 1_500) };
    const { handle, reader } = await lives.started(
      runtime,
      lives.shell(`trap 'echo term; exit 9' TERM; echo ready; ${FOREVER}`),
      soon,
    );
    await reader.toEnd();
    expect(reader.texts()).toEqual(['ready', 'term']);
    expect(await runtime.inspect(handle)).toMatchObject({ status: 'exited', exitCode: 9 });
  }, 60_000);

  it('its teardown, though the leader of its group and its supervisor are gone', async () => {
    const runtime = lives.runtime();
    const { deployment, reader } = await lives.started(runtime, lives.shell('sleep 600 & echo $!; exec sleep 600'));
    const child = Number((await reader.next())?.text);
    process.kill(await lives.pidIn(deployment, 'supervisor.json'), 'SIGKILL');
    process.kill(await lives.pidIn(deployment, 'agent.json'), 'SIGKILL');
    await gone(await lives.pidIn(deployment, 'agent.json'));
    expect(await isAlive(child)).toBe(true);
    const report = await runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 0 });
    expect(report).toEqual({ removed: { process: 1, directory: 1 }, left: [] });
    expect(await isAlive(child)).toBe(false);
  }, 60_000);

  // Only Linux lets the environment of a process be read.
  (process.platform === 'linux' ? it : it.skip)(
    'its teardown, though it has left its process group',
    async () => {
      const runtime = lives.runtime();
      const { deployment, reader } = await lives.started(
        runtime,
        lives.shell('setsid sh -c "echo \\$\\$; exec sleep 600" & wait'),
      );
      const runaway = Number((await reader.next())?.text);
      const report = await runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 0 });
      expect(report.left).toEqual([]);
      expect(await isAlive(runaway)).toBe(false);
    },
    60_000,
  );
});

it('never kills a process that has been given the pid of an agent', async () => {
  const runtime = lives.runtime();
  const { deployment, handle, reader } = await lives.started(runtime, lives.shell('exit 0'));
  await reader.toEnd();
  const stranger = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
  await eventually('the stranger runs', () => stranger.pid !== undefined);
  for (const name of ['agent.json', 'supervisor.json']) await lives.rewrite(deployment, name, { pid: stranger.pid });
  expect(await runtime.inspect(handle)).toMatchObject({ status: 'exited' });
  const report = await runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 100 });
  expect(report.left).toEqual([]);
  expect(await isAlive(stranger.pid ?? 0)).toBe(true);
  stranger.kill('SIGKILL');
}, 60_000);

describe('an agent is given', () => {
  it('its own environment, a home, and nothing of the worker', async () => {
    process.env['CONTRACT_SECRET'] = 'of the worker';
    const runtime = lives.runtime();
    const agent = lives.shell('env', { env: { OWN: 'yes' } });
    const { deployment, reader } = await lives.started(runtime, agent);
    await reader.toEnd();
    delete process.env['CONTRACT_SECRET'];
    const env = Object.fromEntries(reader.texts().map((line) => line.split(/=(.*)/s)));
    expect(env).toMatchObject({
      OWN: 'yes',
      LANG: 'C.UTF-8',
      CREWTAB_WORKSPACE: runtime.workspacePath(deployment.runId),
    });
    expect(env.HOME).toContain(`/runs/${deployment.runId}/agents/solo/home`);
    const usual = [
      'CREWTAB_PROCESS_RUN',
      'CREWTAB_WORKSPACE',
      'HOME',
      'LANG',
      'OLDPWD',
      'OWN',
      'PATH',
      'PWD',
      'SHLVL',
      'TMPDIR',
      '_',
    ];
    expect(Object.keys(env).filter((name) => !usual.includes(name))).toEqual([]);
  }, 60_000);

  it('no secret that lies on disk or in a command line', async () => {
    const runtime = lives.runtime();
    const secret = randomUUID();
    const { deployment, reader } = await lives.started(
      runtime,
      lives.shell('grep -rs "$TOKEN" "$HOME/.." ; echo done; exec sleep 600', { env: { TOKEN: secret } }),
    );
    await reader.until('done');
    expect(reader.texts()).toEqual(['done']);
    if (process.platform !== 'linux') return;
    const supervisor = await lives.pidIn(deployment, 'supervisor.json');
    for (const file of ['cmdline', 'environ'])
      expect(await readFile(`/proc/${supervisor}/${file}`, 'utf8')).not.toContain(secret);
  }, 60_000);
});

describe('refusals', () => {
  it('an agent without a command, and a team whose name would lead out of the directory', async () => {
    const runtime = lives.runtime();
    const deployment = lives.deployment();
    await runtime.prepare(deployment);
    await expect(
      runtime.ensureAgent(deployment, lives.shell('', { command: null }), deployOptions()),
    ).rejects.toMatchObject({ code: 'create_failed' });
    await expect(
      runtime.ensureAgent(deployment, lives.shell('', { name: '../x' }), deployOptions()),
    ).rejects.toMatchObject({ code: 'create_failed' });
    await expect(
      runtime.ensureAgent(deployment, lives.shell('', { name: 'two', command: ['no-such-program'] }), deployOptions()),
    ).rejects.toMatchObject({
      code: 'start_failed',
      message: expect.stringContaining('no-such-program') as string,
    });
  }, 60_000);

  it('a write that waits for an agent which does not read ends when the channel is closed', async () => {
    const runtime = lives.runtime();
    const { reader } = await lives.started(runtime, lives.shell('echo ready; exec sleep 600'));
    await reader.until('ready');
    const write = reader.channel.write('x'.repeat(1_000_000));
    const refused = expect(write).rejects.toMatchObject({ code: 'engine_error' });
    reader.channel.close();
    await refused;
  }, 60_000);

  it("a write fails at once when no process reads the agent's stdin any more", async () => {
    const runtime = lives.runtime();
    const { deployment, reader } = await lives.started(runtime, lives.shell('exec 0<&-; echo closed; exec sleep 600'));
    await reader.until('closed');
    await expect(reader.channel.write('hello\n')).rejects.toMatchObject({ code: 'agent_exited', retryable: false });
    expect(await isAlive(await lives.pidIn(deployment, 'agent.json'))).toBe(true);
  }, 60_000);
});
