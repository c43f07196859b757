import type { AgentSpec, DeploymentSpec, ProgramSpec } from '@crewtab/domain/ports/runtime';
import { DockerRuntime } from '@crewtab/runtime-docker/docker-runtime';
import { deployOptions } from '../../contracts/runtime/contract-fixture';
import { describeWithDocker, dockerHost } from '../../kit/services/docker';
import { GUARD_FOLDER } from '../../kit/services/guard-folder';
import { openLab, type DockerLab } from './docker-lab';
import type { TinyImageOptions } from './tiny-image';

const MEBIBYTE = 1024 ** 2;

jest.setTimeout(60_000);

describeWithDocker('a workspace in memory', () => {
  let lab: DockerLab | null = null;

  afterEach(async () => {
    await lab?.fixture.dispose();
    lab = null;
  });

  async function setUp(workspaceBytes: number, image: TinyImageOptions = { with: ['dd', 'rm'] }): Promise<DockerLab> {
    lab = await openLab({ workspaceBytes }, image);
    return lab;
  }

  async function prepared(made: DockerLab, script: string, resources: AgentSpec['resources'] = {}) {
    const agent = { ...made.fixture.agent('solo', { does: 'cat' }, { resources }), command: ['sh', '-c', script] };
    const deployment = await made.fixture.prepared({ agents: [agent] });
    return { deployment, agent };
  }

  async function outputOf(made: DockerLab, deployment: DeploymentSpec, agent: AgentSpec): Promise<string[]> {
    const reader = await made.fixture.read(await made.fixture.ensure(deployment, agent));
    await reader.toEnd();
    return reader.lines.map((line) => line.text);
  }

  async function namesIn(made: DockerLab, deployment: DeploymentSpec): Promise<string[]> {
    const names: string[] = [];
    for await (const { path } of made.runtime.readFiles(deployment, '')) names.push(path);
    return names.filter((path) => path !== '').sort();
  }

  const run = (made: DockerLab, deployment: DeploymentSpec, command: readonly string[]) => {
    const program: ProgramSpec = { ...made.fixture.program({ does: 'echo' }), command };
    return made.runtime.runProgram(deployment, program, new AbortController().signal);
  };

  const holderOf = ({ docker }: DockerLab, { name }: DeploymentSpec) => docker.getContainer(`${name}_holder`);

  const fill = 'dd if=/dev/zero of=big bs=65536 2>&1; ls -ln; echo after';

  it('is full at its size, holds what was put before the agents, and is read after they have ended', async () => {
    const made = await setUp(4 * MEBIBYTE);
    const { deployment, agent } = await prepared(made, `cat given; ${fill}; rm big given; echo kept > result`);
    await made.runtime.putFiles(deployment, [{ path: 'given', content: Buffer.from('before\n'), mode: 0o644 }]);
    const lines = await outputOf(made, deployment, agent);
    expect(lines[0]).toBe('before');
    expect(lines.join('\n')).toMatch(/No space left on device[^]* 4190208 .* big[^]* given\nafter$/);
    expect(await namesIn(made, deployment)).toEqual(['result']);
    expect(await run(made, deployment, ['cat', 'result'])).toMatchObject({ exitCode: 0, output: 'kept\n' });
    expect(await made.runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 0 })).toEqual({
      removed: { container: 2, volume: 1 },
      left: [],
    });
  });

  it('takes no more than half of the memory of any agent, which writes it as its own', async () => {
    const made = await setUp(1024 * MEBIBYTE);
    const { deployment, agent } = await prepared(made, fill, { memory: '32m' });
    expect((await outputOf(made, deployment, agent)).join('\n')).toMatch(/No space left on device[^]* 16777216 .* big/);
  });

  it('has few files, however small they are', async () => {
    const made = await setUp(MEBIBYTE);
    const script = 'i=0; while [ $i -lt 2000 ] && true > f$i; do i=$((i+1)); done 2> /dev/null; echo $i';
    const { deployment, agent } = await prepared(made, script);
    const [count = ''] = await outputOf(made, deployment, agent);
    expect(Number(count)).toBeGreaterThan(900);
    expect(Number(count)).toBeLessThan(1_024);
  });

  it('takes over what its image brings in its place', async () => {
    const made = await setUp(4 * MEBIBYTE, {
      brings: { '/workspace/brought': 'of the image\n' },
    });
    const { deployment, agent } = await prepared(made, 'cat brought; echo x > mine && ls');
    expect(await outputOf(made, deployment, agent)).toEqual(['of the image', 'brought', 'mine']);
  });

  it('is adopted by a worker with another setting, which makes no second holder', async () => {
    const made = await setUp(4 * MEBIBYTE);
    const { deployment, agent } = await prepared(made, 'echo one > result');
    await outputOf(made, deployment, agent);
    const { Id: id } = await holderOf(made, deployment).inspect();
    const other = new DockerRuntime({ dockerHost: dockerHost(), guardFolder: GUARD_FOLDER });
    try {
      await other.prepare(deployment, deployOptions());
      expect(await namesIn({ ...made, runtime: other }, deployment)).toEqual(['result']);
    } finally {
      await other.close();
    }
    expect(await holderOf(made, deployment).inspect()).toMatchObject({ Id: id, State: { Running: true } });
  });

  it('goes on with a holder that was made and not started', async () => {
    const made = await setUp(4 * MEBIBYTE);
    const { deployment } = await prepared(made, 'true');
    const holder = holderOf(made, deployment);
    const { Config: config, HostConfig } = await holder.inspect();
    await holder.remove({ force: true });
    const { Entrypoint, Cmd, Image, Labels } = config;
    await made.docker.createContainer({
      name: `${deployment.name}_holder`,
      Entrypoint,
      Cmd,
      Image,
      Labels,
      HostConfig,
    });
    await made.runtime.prepare(deployment, deployOptions());
    expect((await holder.inspect()).State.Running).toBe(true);
  });

  it('is said to be lost, and not read as empty, once its holder has ended', async () => {
    const made = await setUp(4 * MEBIBYTE);
    const { deployment, agent } = await prepared(made, 'echo one > result');
    await outputOf(made, deployment, agent);
    await holderOf(made, deployment).kill();
    await expect(namesIn(made, deployment)).rejects.toMatchObject({ code: 'engine_error', message: /lost/ });
    await expect(run(made, deployment, ['ls'])).rejects.toMatchObject({ code: 'engine_error', message: /lost/ });
  });

  it('is held by a container that ends at a signal, and has no privilege', async () => {
    const made = await setUp(4 * MEBIBYTE);
    const { deployment } = await prepared(made, 'true');
    const holder = holderOf(made, deployment);
    const { HostConfig: host, Config: config } = await holder.inspect();
    expect(host).toMatchObject({ NetworkMode: 'none', CapDrop: ['ALL'], Memory: 16 * MEBIBYTE, PidsLimit: 8 });
    expect(config.User).toBe('65534:65534');
    await holder.kill({ signal: 'SIGTERM' });
    expect(await holder.wait()).toEqual({ Error: null, StatusCode: 0 });
  });

  it('needs a program of the build, without which nothing is deployed', async () => {
    lab = await openLab({ workspaceBytes: MEBIBYTE, guardFolder: null });
    await expect(lab.fixture.prepared({ agents: [lab.fixture.agent('solo', { does: 'cat' })] })).rejects.toMatchObject({
      code: 'guard_missing',
      message: /^a workspace in memory needs a program/,
    });
  });
});
