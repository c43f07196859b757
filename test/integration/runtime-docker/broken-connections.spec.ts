import type { AgentSpec, DeploymentSpec } from '@crewtab/domain/ports/runtime';
import { eventually } from '../../contracts/runtime/line-reader';
import { describeWithDocker, dockerHost } from '../../kit/services/docker';
import { openLab, type DockerLab } from './docker-lab';
import { EngineProxy } from './engine-proxy';

describeWithDocker('a connection to the engine that breaks', () => {
  let proxy: EngineProxy;
  let lab: DockerLab;

  beforeEach(async () => {
    proxy = await EngineProxy.open(dockerHost());
    lab = await openLab({ dockerHost: proxy.dockerHost, limits: { readMs: 10_000, mutateMs: 20_000 } });
  }, 60_000);

  afterEach(async () => {
    try {
      await lab.fixture.dispose();
    } finally {
      await proxy.close();
    }
  }, 60_000);

  /** Asks for an agent, and does not hear the answer to one of the calls. */
  async function loseReplyWhileEnsuring(
    requestLine: RegExp,
  ): Promise<{ deployment: DeploymentSpec; agent: AgentSpec }> {
    const { fixture } = lab;
    const agent = fixture.agent('solo', { does: 'echo' });
    // Prepared with the agent, so that its image is known and the call that breaks is the agent's own.
    const deployment = await fixture.prepared({ agents: [agent] });
    proxy.loseReplyTo(requestLine);
    await expect(fixture.ensure(deployment, agent)).rejects.toMatchObject({
      code: 'engine_unreachable',
      retryable: true,
    });
    return { deployment, agent };
  }

  async function expectOneRunning(handle: string): Promise<void> {
    const { fixture, runtime } = lab;
    expect(await runtime.inspect(handle)).toEqual({ status: 'running' });
    const [run] = await runtime.list(fixture.installationId);
    expect(run?.resources['container']).toBe(1);
  }

  it('loses the reply to the start call: the next call goes on with what is there', async () => {
    const { deployment, agent } = await loseReplyWhileEnsuring(/^POST .*\/start/);
    await expectOneRunning(await lab.fixture.ensure(deployment, agent));
  }, 60_000);

  it.each([
    ['the create call', /^POST \/containers\/create/],
    ['the files', /^PUT .*\/archive/],
  ])(
    'loses the reply to %s: what was not started is made anew, since the engine may have died while it started it',
    async (_, requestLine) => {
      const { deployment, agent } = await loseReplyWhileEnsuring(requestLine);
      const filters = { label: [`crewtab.run=${deployment.runId}`] };
      const [left] = await lab.docker.listContainers({ all: true, filters });
      expect(left?.State).toBe('created');
      const handle = await lab.fixture.ensure(deployment, agent);
      expect(handle).not.toBe(left?.Id);
      await expectOneRunning(handle);
    },
    60_000,
  );

  it('makes a container anew that was not started and that another worker is removing', async () => {
    const { deployment, agent } = await loseReplyWhileEnsuring(/^POST \/containers\/create/);
    const filters = { label: [`crewtab.run=${deployment.runId}`] };
    const [left] = await lab.docker.listContainers({ all: true, filters });
    proxy.pretendOnce('"Status":"created","Running":false', '"Status":"removing","Running":0   ');
    const handle = await lab.fixture.ensure(deployment, agent);
    expect(handle).not.toBe(left?.Id);
    await expectOneRunning(handle);
  }, 60_000);

  it.each([
    ['volume', /^POST \/volumes\/create/, { kind: 'none' }],
    ['network', /^POST \/networks\/create/, { kind: 'open', hasOwnBridge: true }],
  ] as const)(
    'loses the reply to the creation of the %s: preparing again finds it',
    async (_, requestLine, network) => {
      const { fixture, runtime } = lab;
      const deployment = fixture.deployment({ network });
      proxy.loseReplyTo(requestLine);
      const prepare = (): Promise<void> =>
        runtime.prepare(deployment, { signal: new AbortController().signal, onProgress: () => undefined });
      await expect(prepare()).rejects.toMatchObject({ code: 'engine_unreachable', retryable: true });
      await prepare();
      expect(await fixture.ensure(deployment, fixture.agent('solo', { does: 'echo' }))).not.toBe('');
    },
    60_000,
  );

  it('loses the reply to a removal: the next teardown finds nothing left', async () => {
    const { fixture, runtime } = lab;
    const { deployment } = await fixture.started({ does: 'echo' });
    proxy.loseReplyTo(/^DELETE \/containers/);
    const report = await runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 0 });
    expect(report.left.filter(({ kind }) => kind === 'container')).toEqual([]);
    const again = await runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 0 });
    expect(again.left).toEqual([]);
    expect(await runtime.list(fixture.installationId)).toEqual([]);
  }, 60_000);

  it('while a teardown waits for an agent to end keeps it no longer than the grace', async () => {
    const { fixture, runtime } = lab;
    const { deployment } = await fixture.started({ does: 'ignoreSigterm' });
    proxy.breakAnswerTo(/^POST .*\/wait/);
    const report = await runtime.teardown(deployment.installationId, deployment.runId, { graceMs: 1_000 });
    expect(report).toMatchObject({ removed: { container: 1 }, left: [] });
  }, 30_000);

  it('is told to the reader, who opens again and has the same lines; nothing is written twice', async () => {
    const { fixture } = lab;
    const { handle } = await fixture.started({ does: 'echo' });
    const first = await fixture.read(handle);
    await first.channel.write('one\n');
    await first.until('echo: one');
    proxy.cut();
    await expect(first.next()).rejects.toMatchObject({ code: 'engine_unreachable', retryable: true });

    const second = await fixture.read(handle);
    await second.channel.write('\ntwo\n');
    await second.until('echo: two');
    expect(second.texts()).toEqual(['started', 'echo: one', 'echo: ', 'echo: two']);
    expect(second.lines.slice(0, 2)).toEqual(first.lines);
  }, 60_000);

  it('is repaired by the next write to an agent whose input stays open', async () => {
    const { fixture } = lab;
    const { handle } = await fixture.started({ does: 'echo' });
    const writer = await fixture.read(handle);
    await writer.channel.write('one\n');
    await writer.until('echo: one');
    proxy.cut();
    await expect(writer.next()).rejects.toMatchObject({ code: 'engine_unreachable' });
    await writer.channel.write('two\n');
    const reader = await fixture.read(handle);
    await reader.until('echo: two');
    expect(reader.texts()).toEqual(['started', 'echo: one', 'echo: two']);
  }, 60_000);

  it('just before a write, and is not yet known to be broken, costs no write: the system took none of it', async () => {
    const { handle } = await lab.fixture.started({ does: 'echo' });
    const reader = await lab.fixture.read(handle);
    await reader.until('started');
    await reader.channel.write('one\n');
    await reader.until('echo: one');
    proxy.cut();
    // In the same turn of the event loop, so that no reader has been told yet.
    await reader.channel.write('two\n');
    await reader.channel.write('three\n');
    const again = await lab.fixture.read(handle);
    await again.until('echo: three');
    // What is left of a line must never become one, not even where only its newline was missing.
    expect(again.texts()).toEqual(['started', 'echo: one', 'echo: !', 'echo: two', 'echo: three']);
  }, 60_000);

  it('while it attaches to an agent whose input stays open costs no write: nothing had left', async () => {
    const { fixture } = lab;
    const { handle } = await fixture.started({ does: 'echo' });
    const writer = await fixture.read(handle);
    proxy.loseReplyTo(/^POST .*\/attach/);
    await writer.channel.write('one\n');
    await writer.until('echo: one');
    expect(writer.texts()).toEqual(['started', 'echo: one']);
  }, 60_000);

  it('makes watchers look at everything once it is repaired, and they go on to be told', async () => {
    const { fixture } = lab;
    const seen = fixture.watch();
    const { deployment, handle } = await fixture.started({ does: 'echo' });
    const other = await fixture.started({ does: 'exit', code: 1 });
    await eventually('the subscription works', () => seen.some((ended) => ended?.runId === other.deployment.runId));
    proxy.cut();
    await eventually('the watcher is told that it may have overlooked something', () => seen.includes(null));
    await lab.docker.getContainer(handle).kill();
    await eventually('the end is reported', () => seen.some((ended) => ended?.runId === deployment.runId));
  }, 60_000);
});
