import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentSpec, DeploymentSpec } from '@crewtab/domain/ports/runtime';
import { ProcessRuntime } from '@crewtab/runtime-process/process-runtime';
import { shellCommand } from '../../contracts/runtime/behaviours';

const INSTALLATION = randomUUID();

jest.setTimeout(30_000);

/** What an agent can do to the folders of this runtime, which belong to its own user. */
describe('ProcessRuntime, whose folders an agent has spoiled', () => {
  let rootDir: string;
  let runtime: ProcessRuntime;
  let outside: string;
  const deployed: DeploymentSpec[] = [];

  beforeEach(async () => {
    rootDir = await mkdtemp(join(tmpdir(), 'crewtab-process-'));
    outside = join(rootDir, 'outside');
    await mkdir(outside);
    await writeFile(join(outside, 'kept'), 'kept');
    runtime = new ProcessRuntime({ rootDir, searchPath: process.env['PATH'] ?? '/usr/bin:/bin' });
  });

  afterEach(async () => {
    for (const { runId } of deployed.splice(0)) await runtime.teardown(INSTALLATION, runId, { graceMs: 0 });
    await runtime.close();
    await rm(rootDir, { recursive: true, force: true });
  });

  async function deploy(): Promise<{ deployment: DeploymentSpec; handle: string; dir: string; agentDir: string }> {
    const runId = randomUUID();
    const agent: AgentSpec = {
      name: 'lead',
      image: null,
      command: shellCommand({ does: 'ignoreSigterm' }),
      env: {},
      resources: {},
      stdin: 'open',
      tools: null,
    };
    const deployment: DeploymentSpec = {
      installationId: INSTALLATION,
      runId,
      name: `spoiled-run-${runId.slice(-6)}`,
      epoch: 1,
      deadlineAt: new Date(Date.now() + 60_000),
      network: { kind: 'open', hasOwnBridge: false },
      agents: [agent],
    };
    deployed.push(deployment);
    const options = { signal: new AbortController().signal, onProgress: () => undefined };
    await runtime.prepare(deployment);
    const { handle } = await runtime.ensureAgent(deployment, agent, options);
    const dir = join(rootDir, 'runs', runId);
    return { deployment, handle, dir, agentDir: join(dir, 'agents', 'lead') };
  }

  const shell = (cwd: string, script: string): void => void execFileSync('sh', ['-c', script], { cwd });

  async function expectGone({ runId }: DeploymentSpec): Promise<void> {
    expect((await runtime.teardown(INSTALLATION, runId, { graceMs: 0 })).left).toEqual([]);
    expect((await readdir(join(rootDir, 'runs'))).filter((name) => name.includes(runId))).toEqual([]);
    expect(await readdir(join(rootDir, 'names'))).not.toContain(`spoiled-run-${runId.slice(-6)}`);
    expect(await readFile(join(outside, 'kept'), 'utf8')).toBe('kept');
  }

  it.each([
    [
      'closed folders',
      'mkdir -p workspace/x/y; touch workspace/x/y/z; chmod 0 workspace/x/y workspace/x agents/lead/home',
    ],
    ['a label that is no JSON', 'echo "{" > run.json'],
    ['a label that is a FIFO', 'rm run.json; mkfifo run.json'],
    ['a label without end', 'rm run.json; ln -s /dev/zero run.json'],
    ['a label that is null', 'echo null > run.json'],
    ['no label', 'rm run.json'],
    ['state that is no JSON', 'for f in agents/lead/state/*; do echo "{" > $f; done'],
    ['state that is FIFOs', 'cd agents/lead/state; for f in *; do rm $f; mkfifo $f; done'],
    ['state in the place of others', 'rm -rf agents/lead/state; ln -s ../../../../outside agents/lead/state'],
    ['agents that are a link', 'rm -rf agents; ln -s ../../outside agents'],
    ['a workspace that is a link', 'rm -rf workspace; ln -s ../../outside workspace'],
    ['output that is FIFOs', 'cd agents/lead; rm stdout stderr; mkfifo stdout stderr'],
    ['a process of all', `echo '{"pid":-1,"startedAt":"x"}' > agents/lead/state/agent.json`],
    ['a process of none', `echo '{"pid":"0","startedAt":7}' > agents/lead/state/agent.json`],
    ['nothing left', 'rm -rf "$PWD"'],
    ['a file in its place', 'rm -rf "$PWD"; echo x > "$PWD"'],
    ['a link in its place', 'rm -rf "$PWD"; ln -s ../outside "$PWD"'],
  ])('removes %s, and the host is listed as before', async (_, script) => {
    const other = await deploy();
    const spoiled = await deploy();
    shell(spoiled.dir, script);
    const listed = await runtime.list(INSTALLATION);
    expect(listed.map(({ runId }) => runId)).toContain(other.deployment.runId);
    await expectGone(spoiled.deployment);
    expect(await runtime.inspect(other.handle)).toEqual({ status: 'running' });
  });

  it('ends no agent of another run whose folder or state stands in the place of its own', async () => {
    for (const script of [
      (other: string) => `rm -rf "$PWD"; ln -s ${other} "$PWD"`,
      (other: string) => `rm -rf agents; ln -s ../${other}/agents agents`,
      (other: string) => `rm -rf agents/lead; ln -s ../../${other}/agents/lead agents/lead`,
      (other: string) => `rm -rf agents/lead/state; ln -s ../../../${other}/agents/lead/state agents/lead/state`,
    ]) {
      const other = await deploy();
      const spoiled = await deploy();
      shell(spoiled.dir, script(other.deployment.runId));
      await expectGone(spoiled.deployment);
      expect(await runtime.inspect(other.handle)).toEqual({ status: 'running' });
      await expectGone(other.deployment);
    }
  });

  it('reads no output and writes no input through what an agent put in their place', async () => {
    const { handle, agentDir } = await deploy();
    shell(agentDir, `rm stdout stdin; ln -s ${outside}/kept stdout; ln -s ${outside}/kept stdin`);
    const channel = await runtime.open(handle);
    const read = async (): Promise<void> => {
      for await (const line of channel.output) throw new Error(`read ${line.text}`);
    };
    await expect(read()).rejects.toMatchObject({ code: 'engine_error', retryable: false });
    await expect(channel.write('secret')).rejects.toMatchObject({ code: 'engine_error' });
    shell(agentDir, `ln -s ${outside}/kept state/stdin-ended`);
    await channel.endInput();
    channel.close();
    expect(await readFile(join(outside, 'kept'), 'utf8')).toBe('kept');
  });

  it('puts no file of a workspace beyond a link, and makes no folder there', async () => {
    const { deployment, dir } = await deploy();
    await symlink(outside, join(dir, 'workspace', 'out'));
    const file = { path: 'out/a/b/c', content: Buffer.from('x'), mode: 0o644 };
    await expect(runtime.putFiles(deployment, [file])).rejects.toMatchObject({ code: 'invalid_request' });
    expect(await readdir(outside)).toEqual(['kept']);
  });
});
