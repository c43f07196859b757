import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentSpec, AllowlistEndpoint, DeploymentSpec } from '@crewtab/domain/ports/runtime';
import { deployOptions } from '../../contracts/runtime/contract-fixture';
import { describeWithDocker } from '../../kit/services/docker';
import { forwarderOfThisMachine } from '../../kit/services/guard-folder';
import { openLab, type DockerLab } from './docker-lab';

describeWithDocker('an agent that may reach listed hosts', () => {
  let lab: DockerLab | null = null;
  let server: Server | null = null;
  let hostFolder = '';

  beforeEach(async () => {
    hostFolder = await mkdtemp(join(tmpdir(), 'egress-'));
    await chmod(hostFolder, 0o755);
  });

  afterEach(async () => {
    server?.close();
    await lab?.fixture.dispose();
    lab = null;
    await rm(hostFolder, { recursive: true });
  }, 60_000);

  const endpoint = (): AllowlistEndpoint => ({ kind: 'allowlist', hostFolder, socketName: 'proxy.sock' });

  async function listen(): Promise<void> {
    server = createServer((socket) => {
      socket.on('error', () => undefined).once('data', (data) => socket.end(`the worker got ${String(data)}`));
    });
    await once(server.listen(join(hostFolder, 'proxy.sock')), 'listening');
    await chmod(join(hostFolder, 'proxy.sock'), 0o666);
  }

  async function prepared(made: DockerLab, command: string[], env: AgentSpec['env'] = {}) {
    const agent: AgentSpec = { ...made.fixture.agent('solo', { does: 'cat' }, { env }), command };
    const deployment: DeploymentSpec = await made.fixture.prepared({ agents: [agent], network: endpoint() });
    return { agent, deployment };
  }

  /** Bash speaks TCP by itself, and an image of a few tools has nothing else that does. */
  const hasForwarder = forwarderOfThisMachine() !== null;

  // Without a C compiler there is no forwarder, and a deployment is refused as guard_missing: another test has that.
  (hasForwarder ? it : it.skip)(
    'has a loopback port that leads to the socket, the usual variables, and is under its guard all the same',
    async () => {
      lab = await openLab({}, { with: ['bash'] });
      await listen();
      const script = [
        'ls /sys/class/net',
        'echo "$HTTPS_PROXY $https_proxy $NO_PROXY $NODE_USE_ENV_PROXY $PIP_PROXY $npm_config_proxy"',
        'echo "$npm_config_https_proxy $npm_config_noproxy $no_proxy $GIT_CONFIG_COUNT $GIT_CONFIG_KEY_0 $GIT_CONFIG_VALUE_0"',
        'exec 3<>/dev/tcp/127.0.0.1/3128; echo hello >&3; head -n 1 <&3',
        'echo x > /run/crewtab-network/x || echo "cannot write"',
        'exit 7',
      ].join('\n');
      const { agent, deployment } = await prepared(lab, ['bash', '-c', script], { NO_PROXY: 'mine' });
      const handle = await lab.fixture.ensure(deployment, agent);
      const reader = await lab.fixture.read(handle);
      await reader.toEnd();
      const proxy = 'http://127.0.0.1:3128';
      expect(reader.lines.filter(({ stream }) => stream === 'stdout').map(({ text }) => text)).toEqual([
        'lo',
        `${proxy} ${proxy} mine 1 ${proxy} ${proxy}`,
        `${proxy} 127.0.0.1,localhost 127.0.0.1,localhost 1 http.proxy ${proxy}`,
        'the worker got hello',
        'cannot write',
      ]);
      expect(await lab.runtime.inspect(handle)).toMatchObject({ status: 'exited', exitCode: 7, mayLackOutput: false });
      const { HostConfig: host, Path: path } = await lab.docker.getContainer(handle).inspect();
      expect([host.NetworkMode, path]).toEqual(['none', '/.crewtab/forwarder']);
    },
    60_000,
  );

  it('is not started by a build without the program for it, which says what to install', async () => {
    lab = await openLab({ guardFolder: null });
    const { agent, deployment } = await prepared(lab, ['sh', '-c', 'true']);
    await expect(lab.runtime.ensureAgent(deployment, agent, deployOptions())).rejects.toMatchObject({
      code: 'guard_missing',
      retryable: false,
      message: expect.stringContaining('musl-tools') as string,
    });
  }, 60_000);
});
