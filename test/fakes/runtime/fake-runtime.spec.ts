import { FakeClock } from '../fake-clock';
import type { Behaviour } from '../../contracts/runtime/behaviours';
import { deployOptions } from '../../contracts/runtime/contract-fixture';
import { FakeEngine, type FakeFile } from './fake-engine';
import { fakeProgram } from './fake-programs';
import { FakeRuntime } from './fake-runtime';
import { LineReader } from '../../contracts/runtime/line-reader';
import { runtimeContract } from '../../contracts/runtime/runtime-contract';
import type { AgentSpec, DeploymentSpec } from '@crewtab/domain/ports/runtime';

runtimeContract('FakeRuntime', { oom: true, stop: true }, () => {
  const files = new Map<string, FakeFile>();
  const engine = new FakeEngine({
    files,
    programFor: (agent) => fakeProgram(JSON.parse(agent.command?.[0] ?? '') as Behaviour, files),
  });
  return {
    runtime: new FakeRuntime(engine),
    anotherWorker: () => new FakeRuntime(engine),
    program: (behaviour) => ({ image: 'fake', command: [JSON.stringify(behaviour)] }),
    agentKind: 'container',
    network: { kind: 'open', hasOwnBridge: false },
    lookAlike: () => null,
  };
});

const AGENT: AgentSpec = {
  name: 'lead',
  image: 'image',
  command: null,
  env: {},
  resources: {},
  stdin: 'open',
  tools: null,
};
const DEPLOYMENT: DeploymentSpec = {
  installationId: 'here',
  runId: 'run-1',
  name: 'team-run-1',
  epoch: 1,
  deadlineAt: new Date('2026-01-05T10:00:00Z'),
  network: { kind: 'open', hasOwnBridge: true },
  agents: [AGENT],
};
const deploy = async (runtime: FakeRuntime): Promise<string> =>
  (await runtime.ensureAgent(DEPLOYMENT, AGENT, deployOptions())).handle;

describe('FakeRuntime plays the faults of an engine', () => {
  it('fails before any effect, halfway, or with the reply lost', async () => {
    const runtime = new FakeRuntime();
    for (const kind of ['failBefore', 'failHalfway', 'failAfter'] as const) runtime.faults.next('ensureAgent', kind);
    await expect(deploy(runtime)).rejects.toMatchObject({ code: 'engine_unreachable', retryable: true });
    expect(runtime.engine.leaks.containers).toBe(0);
    await expect(deploy(runtime)).rejects.toMatchObject({ code: 'engine_unreachable' });
    expect(runtime.engine.byName('team-run-1-lead')?.process.status).toBe('created');
    await expect(deploy(runtime)).rejects.toMatchObject({ code: 'engine_unreachable' });
    expect(runtime.engine.byName('team-run-1-lead')?.process.status).toBe('running');
    expect(await deploy(runtime)).toBe(runtime.engine.agents[0]?.handle);
    expect(runtime.callsOf('ensureAgent')).toBe(4);
    expect(runtime.faults.unused).toBe(0);
  });

  it('hangs until it is released or aborted', async () => {
    const runtime = new FakeRuntime();
    const gate = runtime.faults.next('prepare', 'hang');
    const preparing = runtime.prepare(DEPLOYMENT, deployOptions());
    await gate.reached;
    expect(runtime.engine.leaks.volumes).toBe(0);
    gate.release();
    await preparing;
    expect(runtime.engine.leaks).toEqual({ containers: 0, networks: 1, volumes: 1 });

    const abort = new AbortController();
    runtime.faults.next('ensureAgent', 'hang');
    const ensuring = runtime.ensureAgent(DEPLOYMENT, AGENT, { ...deployOptions(), signal: abort.signal });
    abort.abort();
    await expect(ensuring).rejects.toThrow('aborted');
  });

  it('refuses images that it is told are missing', async () => {
    const runtime = new FakeRuntime();
    runtime.engine.missingImages.add('image');
    await expect(runtime.prepare(DEPLOYMENT, deployOptions())).rejects.toMatchObject({ code: 'image_not_found' });
  });

  it('cuts connections without harming agents', async () => {
    const runtime = new FakeRuntime({ programFor: () => ({ onLine: (line, io) => io.emit(line) }) });
    const handle = await deploy(runtime);
    const seen: unknown[] = [];
    runtime.watch('here', (ended) => seen.push(ended));
    const reader = new LineReader(await runtime.open(handle));
    await reader.channel.write('one\n');
    await reader.until('one');
    runtime.breakConnections();
    await expect(reader.next()).rejects.toMatchObject({ code: 'engine_unreachable' });
    expect(seen).toEqual([null]);
    expect(runtime.engine.byHandle(handle)?.stdin).toBe('one\n');
    reader.channel.close();
    await runtime.close();
    expect(runtime.openHandles).toBe(0);
  });

  it('leaves what resists, for as many teardowns as told', async () => {
    const runtime = new FakeRuntime();
    await deploy(runtime);
    runtime.engine.resisting.set('team-run-1-lead', 1);
    const first = await runtime.teardown('here', 'run-1', { graceMs: 0 });
    expect(first).toMatchObject({ removed: {}, left: [{ kind: 'container', name: 'team-run-1-lead' }] });
    const second = await runtime.teardown('here', 'run-1', { graceMs: 0 });
    expect(second).toMatchObject({ removed: { container: 1 }, left: [] });
  });

  it('harms no other run when two remove the same resource at once', async () => {
    const engine = new FakeEngine();
    const [one, other] = [new FakeRuntime(engine), new FakeRuntime(engine)];
    await deploy(one);
    await one.ensureAgent({ ...DEPLOYMENT, runId: 'run-2', name: 'team-run-2' }, AGENT, deployOptions());
    await Promise.all([one, other].map((runtime) => runtime.teardown('here', 'run-1', { graceMs: 1_000 })));
    expect(engine.agents.map(({ containerName }) => containerName)).toEqual(['team-run-2-lead']);
  });

  it('times grace and programs by the clock it is given', async () => {
    const clock = new FakeClock();
    const runtime = new FakeRuntime({
      clock,
      programFor: () => ({
        onStart: (io) => io.after(1_000, () => io.emit('a second later')),
        onTerminate: () => undefined,
      }),
    });
    const handle = await deploy(runtime);
    await clock.advance(1_000);
    expect(runtime.engine.byHandle(handle)?.lines.map((line) => line.text)).toEqual(['a second later']);
    const teardown = runtime.teardown('here', 'run-1', { graceMs: 5_000 });
    await clock.advance(4_999);
    expect((await runtime.list('here'))[0]).toMatchObject({ youngestAgeMs: 5_999 });
    await clock.advance(1);
    expect(await teardown).toMatchObject({ removed: { container: 1 }, left: [] });
    expect(clock.pendingTimers).toBe(0);
  });
});
