import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentSpec } from '@crewtab/domain/ports/runtime';
import { eventually } from '../../kit/wait-for';
import { describeWithDocker } from '../../kit/services/docker';
import { guardOfThisMachine } from '../../kit/services/guard-folder';
import { openLab, type DockerLab } from './docker-lab';
import { tinyImage, type TinyImageOptions } from './tiny-image';

const NOBODY = 'nobody:x:65534:65534::/usr:/bin/sh\n';

describeWithDocker('a container of an agent', () => {
  let lab: DockerLab | null = null;

  afterEach(async () => {
    await lab?.fixture.dispose();
    lab = null;
  }, 60_000);

  async function setUp(image: TinyImageOptions = {}): Promise<DockerLab> {
    lab = await openLab({}, image);
    return lab;
  }

  /** Runs a script (null: the image's own command) and gives its whole output. */
  async function outputOf(made: DockerLab, script: string | null, agent: Partial<AgentSpec> = {}): Promise<string[]> {
    const { fixture } = made;
    const command = script === null ? null : ['sh', '-c', script];
    const spec = { ...fixture.agent('solo', { does: 'cat' }), command, ...agent };
    const handle = await fixture.ensure(await fixture.prepared(), spec);
    const reader = await fixture.read(handle);
    await reader.toEnd();
    return reader.lines.map((line) => line.text);
  }

  it('is limited, labelled and without privileges', async () => {
    const { fixture, docker } = await setUp();
    const resources = { cpus: 0.5, memory: '64m', pids: 33 };
    const { deployment, handle } = await fixture.started({ does: 'echo' }, { resources });
    const { Config: config, HostConfig: host } = await docker.getContainer(handle).inspect();
    expect(host).toMatchObject({
      // The guard is the first process where there is one.
      Init: guardOfThisMachine() === null,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Privileged: false,
      NanoCpus: 500_000_000,
      Memory: 64 * 1024 * 1024,
      MemorySwap: 64 * 1024 * 1024,
      PidsLimit: 33,
      RestartPolicy: { Name: 'no' },
    });
    // Eight times AGENT_OUTPUT_LIMIT, whose default is 100 MiB.
    expect(host.LogConfig).toEqual({ Type: 'json-file', Config: { 'max-size': `${800 * 1024 * 1024}b` } });
    expect(config).toMatchObject({
      User: '1000:1000',
      WorkingDir: '/workspace',
      Tty: false,
      OpenStdin: true,
      StdinOnce: false,
      // By a signal that an image names, its guard would not know that it was told to end.
      ...(guardOfThisMachine() === null ? {} : { StopSignal: 'SIGTERM' }),
    });
    expect(config.Labels).toMatchObject({
      'crewtab.installation': fixture.installationId,
      'crewtab.run': deployment.runId,
      'crewtab.agent': 'solo',
      'crewtab.epoch': '1',
      'crewtab.deadline': deployment.deadlineAt.toISOString(),
    });
  }, 60_000);

  it('sees the folder of its tools read-only', async () => {
    const made = await setUp();
    const folder = await mkdtemp(join(tmpdir(), 'crewtab-tools-'));
    try {
      await chmod(folder, 0o777);
      await writeFile(join(folder, 'bridge'), 'the bridge\n');
      await chmod(join(folder, 'bridge'), 0o666);
      const tools = { kind: 'unix-socket', hostFolder: folder } as const;
      const script = 'cat /run/crewtab/bridge; echo x > /run/crewtab/x; echo x >> /run/crewtab/bridge; exit 0';
      const lines = await outputOf(made, script, { tools });
      expect(lines[0]).toBe('the bridge');
      expect(lines.filter((line) => /read-only file system/i.test(line))).toHaveLength(2);
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 60_000);

  it('is under its guard although its program could not be seen before the start', async () => {
    const made = await setUp();
    // A link that only a process follows.
    const command = ['/proc/self/root/usr/bin/sh', '-c', 'tr "\\0" " " < /proc/1/cmdline; echo; exit 3'];
    const lines = await outputOf(made, null, { command });
    expect(lines[0]?.startsWith('/.crewtab/guard ')).toBe(guardOfThisMachine() !== null);
  }, 60_000);

  it('is no user of whom the image says too little to tell that it is not root', async () => {
    // Users are looked up in /etc/passwd, and a link is not followed.
    const made = await setUp({ passwd: NOBODY, linksPasswd: true, changes: ['USER nobody'] });
    expect(await outputOf(made, 'id -u')).toEqual(['1000']);
  }, 60_000);

  it('has limits where the agent names none', async () => {
    const { fixture, docker } = await setUp();
    const { handle } = await fixture.started({ does: 'echo' });
    const { HostConfig: host } = await docker.getContainer(handle).inspect();
    expect(host).toMatchObject({ NanoCpus: 1e9, Memory: 2 * 1024 ** 3, PidsLimit: 512 });
  }, 60_000);

  it('runs as uid 1000 and can write where programs expect to, in an image that knows no users', async () => {
    const script = 'id -u; echo "$HOME"; for d in "$HOME" /tmp /workspace; do echo ok > $d/file && cat $d/file; done';
    expect(await outputOf(await setUp(), script)).toEqual(['1000', '/home/agent', 'ok', 'ok', 'ok']);
  }, 60_000);

  it('has a read-only root, and keeps what its image brings in HOME', async () => {
    const passwd = 'node:x:1000:1000::/home/node:/bin/sh\n';
    const made = await setUp({
      passwd,
      with: ['cp'],
      brings: { '/home/node/config': 'brought\n', '/opt/own/x': 'of the image\n' },
    });
    const script = `
      cat "$HOME/config" /opt/own/x
      echo mine > "$HOME/config" && cat "$HOME/config"
      for place in /opt/own / /etc; do (echo x > $place/file) 2>&1 | tr -d '\\n' | tail -c 21; echo; done
      for place in "$HOME" /tmp /workspace; do
        cp /usr/bin/cat $place/program && echo runs from $place | $place/program
      done`;
    const readOnly = 'Read-only file system';
    expect(await outputOf(made, script)).toEqual([
      'brought',
      'of the image',
      'mine',
      ...[readOnly, readOnly, readOnly],
      'runs from /home/node',
      'runs from /tmp',
      'runs from /workspace',
    ]);
  }, 60_000);

  it('tells an agent that fills /tmp so, at half of its memory or the setting, before it would be ended', async () => {
    const made = await setUp({ with: ['dd'] });
    const script = 'dd if=/dev/zero of=/tmp/x bs=65536 2>&1; ls -ln /tmp';
    const lines = await outputOf(made, script, { resources: { memory: '64m' } });
    expect(lines.join('\n')).toMatch(/No space left on device[^]* 33554432 .* x$/);
  }, 60_000);

  it('is counted as the disk of its run, and leaves no volume of its own', async () => {
    const { fixture, runtime, docker } = await setUp({ with: ['dd'] });
    const command = ['sh', '-c', 'dd if=/dev/zero of=$HOME/x bs=1048576 count=20; cat'];
    const deployment = await fixture.prepared();
    const handle = await fixture.ensure(deployment, { ...fixture.agent('solo', { does: 'cat' }), command });
    const volumes = async (): Promise<number> => {
      const filters = { label: [`crewtab.run=${deployment.runId}`] };
      return (await docker.listVolumes({ filters: filters as unknown as string })).Volumes.length;
    };
    expect((await docker.getContainer(handle).inspect()).HostConfig.ReadonlyRootfs).toBe(true);
    expect(await volumes()).toBe(3);
    expect(await runtime.list(fixture.installationId)).toMatchObject([{ resources: { container: 1, volume: 1 } }]);
    await eventually(async () => {
      const disk = await runtime.measureDisk(fixture.installationId);
      return (disk?.get(deployment.runId) ?? 0) >= 20 * 1024 * 1024;
    });
    const report = await runtime.teardown(fixture.installationId, deployment.runId, { graceMs: 0 });
    expect(report).toEqual({ removed: { container: 1, volume: 1 }, left: [] });
    expect(await volumes()).toBe(0);
  }, 60_000);

  it('leaves volumes where another program removes it alone, which are removed with the run', async () => {
    const { fixture, runtime, docker } = await setUp();
    const { deployment, handle } = await fixture.started({ does: 'cat' });
    await docker.getContainer(handle).remove({ force: true });
    expect(await runtime.list(fixture.installationId)).toMatchObject([{ resources: { volume: 3 } }]);
    const report = await runtime.teardown(fixture.installationId, deployment.runId, { graceMs: 0 });
    expect(report).toEqual({ removed: { volume: 3 }, left: [] });
  }, 60_000);

  it("is writable where the operator's setting says so", async () => {
    lab = await openLab({ isRootWritable: true }, { brings: { '/opt/own/x': '' } });
    expect(await outputOf(lab, 'echo ok > /opt/own/x && cat /opt/own/x')).toEqual(['ok']);
  }, 60_000);

  it('keeps the user and home of an image that has one', async () => {
    const passwd = 'root:x:0:0:root:/root:/bin/sh\napp:x:1234:1234::/usr:/bin/sh\n';
    const made = await setUp({ passwd, changes: ['USER app'] });
    expect(await outputOf(made, 'id -u; echo "$HOME"; echo ok > /workspace/file && cat file')).toEqual([
      '1234',
      '/usr',
      'ok',
    ]);
  }, 60_000);

  it("runs the image's own entry point and command where the agent names none", async () => {
    const changes = ['ENTRYPOINT ["sh", "-c", "echo $0 $1; exit 5"]', 'CMD ["from", "image"]'];
    const made = await setUp({ changes });
    expect(await outputOf(made, null)).toEqual(['from image']);
  }, 60_000);

  it('says so where neither image nor agent has a command', async () => {
    const made = await setUp();
    await expect(outputOf(made, null)).rejects.toMatchObject({
      code: 'create_failed',
      message: expect.stringMatching(/command/i) as string,
    });
  }, 60_000);

  it('writes to the workspace that its image brings, which then needs no preparation', async () => {
    const passwd = 'agent:x:1000:1000::/workspace:/bin/sh\n';
    const made = await setUp({ passwd, workspaceUid: 1000 });
    expect(await outputOf(made, 'ls -ldn /workspace; echo ok > file && cat file')).toEqual([
      expect.stringMatching(/^drwxr-xr-x \d+ 1000 1000/),
      'ok',
    ]);
  }, 60_000);

  it('shares its workspace with agents of other images and users', async () => {
    const { fixture, runtime, image } = await setUp({
      passwd: 'agent:x:1000:1000::/workspace:/bin/sh\n',
      workspaceUid: 1000,
    });
    const other = await tinyImage(runtime, { changes: ['USER 1234:1234'] });
    const agent = (name: string): AgentSpec => ({
      ...fixture.agent(name, { does: 'cat' }),
      image: name === 'a' ? image : other,
      command: ['sh', '-c', `echo ${name} > ${name} && cat ${name}`],
    });
    const agents = [agent('a'), agent('b')];
    const deployment = await fixture.prepared({ agents });
    const handles = await Promise.all(agents.map((each) => fixture.ensure(deployment, each)));
    const outputs = await Promise.all(
      handles.map(async (handle) => {
        const reader = await fixture.read(handle);
        await reader.toEnd();
        return reader.lines.map((line) => line.text);
      }),
    );
    expect(outputs).toEqual([['a'], ['b']]);
  }, 60_000);

  it('has no network as a program that asks for none, and limits all the same', async () => {
    const { fixture } = await setUp();
    const deployment = await fixture.prepared({ network: { kind: 'open', hasOwnBridge: false } });
    const script = 'ls /sys/class/net; id -u; cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null';
    const program = { ...fixture.program({ does: 'echo' }), command: ['sh', '-c', script], resources: { pids: 33 } };
    const { signal } = new AbortController();
    const { output } = await fixture.runtime.runProgram(deployment, program, signal);
    expect(output.trim().split('\n')).toEqual(['lo', '1000', '33']);
    const open = { ...program, network: { kind: 'open', hasOwnBridge: false } as const };
    expect((await fixture.runtime.runProgram(deployment, open, signal)).output).toContain('eth0');
  }, 60_000);

  it("sees the folder of its team's tools where it was given them, and only there", async () => {
    const made = await setUp();
    const hostFolder = await mkdtemp(join(tmpdir(), 'crewtab-socket-'));
    try {
      await chmod(hostFolder, 0o755);
      await writeFile(join(hostFolder, 'team.sock'), 'here');
      const deployment = await made.fixture.prepared();
      const command = ['sh', '-c', 'cat /run/crewtab/team.sock || echo nothing'];
      const texts: string[][] = [];
      for (const tools of [{ kind: 'unix-socket', hostFolder } as const, null]) {
        const handle = await made.fixture.ensure(deployment, {
          ...made.fixture.agent(tools ? 'lead' : 'writer', { does: 'cat' }, { tools }),
          command,
        });
        const reader = await made.fixture.read(handle);
        await reader.toEnd();
        texts.push(reader.texts());
      }
      expect(texts).toEqual([['here'], ['nothing']]);
    } finally {
      await rm(hostFolder, { recursive: true });
    }
  }, 60_000);
});

describeWithDocker('a container whose deadline has passed', () => {
  it('ends by itself without a worker, and even if it ignores SIGTERM', async () => {
    const { fixture, docker } = await openLab({ deadlineGraceMs: 1_000 }, { without: ['timeout'] });
    try {
      const deployment = await fixture.prepared({ deadlineAt: new Date() });
      const handle = await fixture.ensure(deployment, fixture.agent('solo', { does: 'ignoreSigterm' }));
      expect((await docker.getContainer(handle).inspect()).Path).toBe('/.crewtab/guard');
      await docker.getContainer(handle).wait();
      expect(await fixture.runtime.inspect(handle)).toMatchObject({
        status: 'exited',
        exitCode: 137,
        isOutOfMemory: false,
        mayLackOutput: false,
      });
    } finally {
      await fixture.dispose();
    }
  }, 60_000);

  it('ends by itself where there is no guard and its image has a `timeout`', async () => {
    const { fixture, docker } = await openLab({ deadlineGraceMs: 1_000, guardFolder: null });
    try {
      const deployment = await fixture.prepared({ deadlineAt: new Date() });
      const handle = await fixture.ensure(deployment, fixture.agent('solo', { does: 'ignoreSigterm' }));
      await docker.getContainer(handle).wait();
      expect(await fixture.runtime.inspect(handle)).toMatchObject({ exitCode: 137, mayLackOutput: false });
    } finally {
      await fixture.dispose();
    }
  }, 60_000);

  it('runs all the same where there is neither, with its exit code unchanged', async () => {
    const { fixture, docker } = await openLab({ guardFolder: null }, { without: ['timeout'] });
    try {
      const { handle } = await fixture.started({ does: 'exit', code: 42 });
      const { Path: program } = await docker.getContainer(handle).inspect();
      expect(program).toBe('/bin/sh');
      await (await fixture.read(handle)).toEnd();
      expect(await fixture.runtime.inspect(handle)).toMatchObject({ status: 'exited', exitCode: 42 });
    } finally {
      await fixture.dispose();
    }
  }, 60_000);
});
