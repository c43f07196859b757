import { createServer, type Server } from 'node:http';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentSpec, DeploymentSpec } from '@crewtab/domain/ports/runtime';
import { DockerRuntime } from '@crewtab/runtime-docker/docker-runtime';
import { describeWithDocker } from '../../kit/services/docker';
import { openLab } from './docker-lab';

describeWithDocker('images', () => {
  it('says in the words of the engine that an image cannot be had, and leaves nothing', async () => {
    const { fixture } = await openLab();
    // A registry on a closed port of this machine: no network is asked.
    const image = 'localhost:1/crewtab-test/absent:v1';
    const deployment = fixture.deployment({ agents: [agentOf(image)] });
    const said: string[] = [];
    const options = { signal: new AbortController().signal, onProgress: (text: string) => said.push(text) };
    await expect(fixture.runtime.prepare(deployment, options)).rejects.toMatchObject({
      code: 'image_pull_failed',
      retryable: false,
      message: expect.stringContaining('localhost:1') as string,
    });
    expect(said).toEqual([`pulling ${image}`, expect.stringContaining('refused); trying once more')]);
    await expect(
      fixture.ensure(deployment, { ...fixture.agent('solo', { does: 'echo' }), image }),
    ).rejects.toMatchObject({
      code: 'image_not_found',
    });
    await fixture.dispose();
  }, 60_000);

  it.each(['', 'UPPER CASE', '../../containers/json', 'a b'])(
    'refuses "%s" as a reference',
    async (image) => {
      const { fixture } = await openLab();
      const deployment = fixture.deployment({ agents: [agentOf(image)] });
      const options = { signal: new AbortController().signal, onProgress: () => undefined };
      await expect(fixture.runtime.prepare(deployment, options)).rejects.toMatchObject({ code: 'image_not_found' });
      await fixture.dispose();
    },
    60_000,
  );
});

function agentOf(image: string): AgentSpec {
  return { name: 'solo', image, command: null, env: {}, resources: {}, stdin: 'open', tools: null };
}

const DEPLOYMENT: DeploymentSpec = {
  installationId: 'here',
  runId: 'run-1',
  name: 'team-run-1',
  epoch: 1,
  deadlineAt: new Date(Date.now() + 60_000),
  network: { kind: 'none' },
  agents: [agentOf('registry.test/agent:v1')],
};

/** An engine that only pulls, as slowly as the test wants. */
describe('a pull', () => {
  const path = join(tmpdir(), `crewtab-pull-${randomBytes(6).toString('hex')}.sock`);
  let server: Server;
  let runtime: DockerRuntime;
  let answer: { write(message: object): void; end(): void; readonly isClosed: Promise<void> };
  let isPulling: Promise<void>;
  let isPullingAgain: Promise<void>;
  let pulls: number;

  beforeEach(async () => {
    let begin: () => void = () => undefined;
    let beginAgain: () => void = () => undefined;
    pulls = 0;
    isPulling = new Promise((resolve) => (begin = resolve));
    isPullingAgain = new Promise((resolve) => (beginAgain = resolve));
    server = createServer((request, response) => {
      if (request.url?.startsWith('/images/create')) {
        pulls += 1;
        const isClosed = new Promise<void>((resolve) => response.once('close', resolve));
        answer = {
          write: (message) => void response.write(`${JSON.stringify(message)}\n`),
          end: () => response.end(),
          isClosed,
        };
        response.writeHead(200);
        response.flushHeaders();
        (pulls === 1 ? begin : beginAgain)();
      } else if (request.url?.startsWith('/volumes')) {
        const labels = { 'crewtab.installation': 'here', 'crewtab.run': 'run-1' };
        response.end(JSON.stringify({ Name: 'team-run-1-workspace', Labels: labels }));
      } else {
        response.writeHead(404).end(JSON.stringify({ message: 'No such image' }));
      }
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    runtime = new DockerRuntime({ dockerHost: `unix://${path}`, limits: { stallMs: 500 } });
  });

  afterEach(async () => {
    await runtime.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(path, { force: true });
  });

  function prepare(signal: AbortSignal, said: string[] = []): Promise<void> {
    return runtime.prepare(DEPLOYMENT, { signal, onProgress: (text) => said.push(text) });
  }

  it('tells its progress, and a failure in the middle in the words of the engine', async () => {
    const said: string[] = [];
    const preparing = prepare(new AbortController().signal, said);
    await isPulling;
    answer.write({ status: 'Downloading', id: 'a', progressDetail: { current: 45, total: 100 } });
    answer.write({ status: 'Downloading', id: 'a', progressDetail: { current: 46, total: 100 } });
    answer.write({ errorDetail: { message: 'disk full' }, error: 'disk full' });
    answer.end();
    await isPullingAgain;
    answer.write({ error: 'disk still full' });
    answer.end();
    await expect(preparing).rejects.toMatchObject({ code: 'image_pull_failed', message: 'disk still full' });
    const pulling = 'pulling registry.test/agent:v1';
    expect(said).toEqual([pulling, `${pulling} … 45 %`, `${pulling} failed (disk full); trying once more`]);
    expect(pulls).toBe(2);
  });

  it('is tried once more where the registry is away for a moment', async () => {
    const said: string[] = [];
    const preparing = prepare(new AbortController().signal, said);
    await isPulling;
    answer.write({ error: 'received unexpected HTTP status: 503 Service Unavailable' });
    answer.end();
    await isPullingAgain;
    answer.end();
    // This engine never has it afterwards.
    await expect(preparing).rejects.toMatchObject({ code: 'image_not_found' });
    expect(said.at(-1)).toContain('503 Service Unavailable); trying once more');
  });

  it('knows an image that does not exist by the words of the registry', async () => {
    const preparing = prepare(new AbortController().signal);
    await isPulling;
    answer.write({ error: 'manifest for registry.test/agent:v1 not found: manifest unknown' });
    answer.end();
    await expect(preparing).rejects.toMatchObject({ code: 'image_not_found' });
    expect(pulls).toBe(1);
  });

  it('ends early when it is aborted', async () => {
    const abort = new AbortController();
    const preparing = prepare(abort.signal);
    await isPulling;
    abort.abort();
    await expect(preparing).rejects.toMatchObject({ code: 'engine_error', retryable: true });
    await answer.isClosed;
  });

  it('is given up when nothing more comes', async () => {
    const preparing = prepare(new AbortController().signal);
    await isPulling;
    await expect(preparing).rejects.toMatchObject({
      code: 'image_pull_failed',
      message: expect.stringContaining('no progress') as string,
    });
  });
});
