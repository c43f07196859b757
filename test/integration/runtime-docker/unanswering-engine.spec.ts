import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deployOptions } from '../../contracts/runtime/contract-fixture';
import type { AgentSpec, DeploymentSpec } from '@crewtab/domain/ports/runtime';
import { DockerRuntime } from '@crewtab/runtime-docker/docker-runtime';

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
  deadlineAt: new Date(Date.now() + 60_000),
  network: { kind: 'open', hasOwnBridge: false },
  agents: [AGENT],
};

const CALLS: readonly [string, (runtime: DockerRuntime) => Promise<unknown>][] = [
  ['identify', (runtime) => runtime.identify()],
  ['prepare', (runtime) => runtime.prepare(DEPLOYMENT, deployOptions())],
  ['ensureAgent', (runtime) => runtime.ensureAgent(DEPLOYMENT, AGENT, deployOptions())],
  ['inspect', (runtime) => runtime.inspect('abc')],
  ['open', (runtime) => runtime.open('abc')],
  ['teardown', (runtime) => runtime.teardown('here', 'run-1', { graceMs: 0 })],
  ['list', (runtime) => runtime.list('here')],
  ['hasImage', (runtime) => runtime.hasImage('image')],
];

describe('an engine that does not answer', () => {
  const path = join(tmpdir(), `crewtab-mute-${randomBytes(6).toString('hex')}.sock`);
  const sockets = new Set<Socket>();
  let server: Server;
  let runtime: DockerRuntime;

  beforeEach(async () => {
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.resume();
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    runtime = new DockerRuntime({ dockerHost: `unix://${path}`, limits: { readMs: 100, mutateMs: 150, stallMs: 200 } });
  });

  afterEach(async () => {
    await runtime.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    await rm(path, { force: true });
  });

  it.each(CALLS)('%s gives up at its limit', async (_, call) => {
    await expect(call(runtime)).rejects.toMatchObject({ code: 'engine_unreachable', retryable: true });
  });

  it('does not keep a watcher from being closed', () => {
    runtime.watch('here', () => undefined).close();
  });
});

describe('an engine that is not there', () => {
  it.each(CALLS)('%s says so at once', async (_, call) => {
    const runtime = new DockerRuntime({ dockerHost: 'unix:///no/such/engine.sock' });
    await expect(call(runtime)).rejects.toMatchObject({ code: 'engine_unreachable', retryable: true });
    await runtime.close();
  });
});
