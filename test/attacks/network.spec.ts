import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';

import type { AgentSpec, DeploymentSpec, NetworkEndpoint, ProgramSpec } from '@crewtab/domain/ports/runtime';
import { openLab, type DockerLab } from '../integration/runtime-docker/docker-lab';
import { demoImage } from '../kit/services/demo-image';
import { describeWithDocker } from '../kit/services/docker';
import { ADDRESSES, makeHostileNetwork, NAMES, SERVICES, type HostileNetwork } from './support/hostile-network';
import { compileRawSockets, workedOf } from './support/raw-sockets';

type Way = 'direct' | 'tunnel' | 'plain' | 'udp' | 'name';
interface Attempt {
  readonly way: Way;
  readonly host: string;
  readonly port: number;
}
type Outcome = Attempt & { readonly result: string };

/** Runs in the container: each attempt once, with what became of it. `reached` is what every server says. */
const PROBE = `
const net = require('node:net'), dgram = require('node:dgram'), dns = require('node:dns');
const bracket = (host) => host.includes(':') ? '[' + host + ']' : host;
const attempt = ({ way, host, port }) => new Promise((done) => {
  setTimeout(() => done('silence'), 8000);
  if (way === 'name') return new dns.promises.Resolver().resolve4(host).then(() => done('reached'), (e) => done(e.code));
  if (way === 'udp') {
    const socket = dgram.createSocket('udp4').on('error', (e) => done(e.code)).on('message', () => done('reached'));
    return socket.send(Buffer.from('0001010000010000000000000100', 'hex'), port, host, (e) => e && done(e.code));
  }
  const at = bracket(host) + ':' + port;
  const socket = way === 'direct' ? net.connect(port, host) : net.connect(3128, '127.0.0.1');
  let text = '', isAsked = way !== 'tunnel';
  socket.on('error', (e) => done(e.code)).on('close', () => done(text.split('\\r\\n')[0] || 'closed'));
  socket.on('data', (data) => {
    text += data;
    if (text.includes('reached')) done('reached');
    if (!isAsked && text.includes(' 200 ')) { isAsked = true; socket.write('hello'); }
  });
  if (way === 'tunnel') socket.write('CONNECT ' + at + ' HTTP/1.1\\r\\nHost: ' + at + '\\r\\n\\r\\n');
  if (way === 'plain') socket.write('GET http://' + at + '/ HTTP/1.1\\r\\nHost: ' + at + '\\r\\nConnection: close\\r\\n\\r\\n');
  if (way === 'direct') socket.on('connect', () => socket.write('hello'));
});
(async () => {
  const all = JSON.parse(process.env.ATTEMPTS);
  const results = [];
  // In turn: a name's next answer is the next attempt's.
  for (const each of all) results.push({ ...each, result: await attempt(each) });
  console.log(JSON.stringify(results));
  process.exit(0);
})();
`;

/** Runs what RAW holds, with the addresses of ADDRESSES. */
const RAW_PROBE = `
const fs = require('node:fs'), { spawnSync } = require('node:child_process');
fs.writeFileSync('/workspace/raw', Buffer.from(process.env.RAW, 'base64'), { mode: 0o755 });
const { stdout, stderr, error } = spawnSync('/workspace/raw', JSON.parse(process.env.ADDRESSES), { encoding: 'utf8' });
console.log(stdout + stderr + (error ? error.message : ''));
`;

describeWithDocker('the network of an agent that may reach listed hosts', () => {
  let lab: DockerLab;
  let image: string;
  let network: HostileNetwork | null = null;
  let onMachine: Server;
  let machinePort = 0;

  beforeAll(async () => {
    image = await demoImage();
    lab = await openLab();
    // On every address of the machine whose engine it is, the bridges' gateways among them.
    onMachine = createServer((socket) => socket.on('error', () => undefined).end('reached'));
    await new Promise<void>((resolve) => onMachine.listen(0, '0.0.0.0', resolve));
    machinePort = (onMachine.address() as AddressInfo).port;
    // That it stands is what makes it mean something when an agent does not reach it.
    for (const address of ownAddresses()) await once(connect(machinePort, address), 'data');
  }, 120_000);

  afterEach(async () => {
    await network?.close();
    network = null;
  }, 30_000);

  afterAll(async () => {
    onMachine.close();
    await lab.fixture.dispose();
  }, 60_000);

  async function from(deployment: DeploymentSpec, endpoint: NetworkEndpoint, attempts: readonly Attempt[]) {
    const program = {
      ...lab.fixture.program({ does: 'echo' }),
      image,
      command: ['node', '-e', PROBE],
      env: { ATTEMPTS: JSON.stringify(attempts) },
      network: endpoint,
      timeLimitMs: 120_000,
    };
    const { output, exitCode } = await lab.runtime.runProgram(deployment, program, new AbortController().signal);
    if (exitCode !== 0) throw new Error(`the probe ended with ${exitCode}: ${output}`);
    return JSON.parse(output) as Outcome[];
  }

  const each = (ways: readonly Way[], hosts: readonly string[], ports: readonly number[]): Attempt[] =>
    ways.flatMap((way) => hosts.flatMap((host) => ports.map((port) => ({ way, host, port }))));
  const reachedOf = (outcomes: readonly Outcome[]): string[] =>
    outcomes.filter(({ result }) => result === 'reached').map(({ way, host, port }) => `${way} ${host}:${port}`);
  const ownAddresses = (): string[] =>
    Object.values(networkInterfaces()).flatMap((all) =>
      (all ?? []).flatMap(({ address, family, internal }) => (family === 'IPv4' && !internal ? [address] : [])),
    );

  it('leads to what is listed, and to no host, service, metadata address or other name by any way', async () => {
    const deployment = await lab.fixture.prepared();
    // The worst list that a team can have, as far as addresses go: any host, on the ports of all services.
    const hosts = ['listed.example', '*:5432', '*:6379', '*:3000', 'loopback.example', 'metadata.example'];
    hosts.push('lan.example', 'worker-host.example', 'rebinding.example', ADDRESSES.metadata, ADDRESSES.lan);
    network = await makeHostileNetwork(deployment.runId, hosts);
    const services = Object.values(SERVICES);
    const attempts = [
      ...each(['direct'], [...ownAddresses(), '127.0.0.1', '::1'], [machinePort]),
      ...each(['direct'], Object.values(ADDRESSES), [80, ...services]),
      ...each(['direct'], ['127.0.0.1', '::1'], services),
      ...each(['udp'], [ADDRESSES.nameServer], [53]),
      ...each(['name'], ['listed.example'], [0]),
      ...each(['tunnel', 'plain'], ['unlisted.example', ADDRESSES.unlisted, ADDRESSES.listed], [80, 443]),
      ...each(['tunnel', 'plain'], ['metadata.example', 'lan.example', ADDRESSES.metadata, ADDRESSES.lan], [80]),
      ...each(['tunnel', 'plain'], ['loopback.example', 'worker-host.example'], [80, ...services]),
      ...each(['tunnel', 'plain'], ['127.0.0.1', '::1', '::ffff:7f00:1', '127.1', '2130706433', 'localhost'], services),
      ...each(['tunnel', 'plain'], [ADDRESSES.workerHost, ADDRESSES.cgnatMetadata, '0.0.0.0'], services),
      ...each(['tunnel'], ownAddresses(), [machinePort]),
    ];
    const outcomes = await from(deployment, network.endpoint, attempts);
    expect(outcomes).toHaveLength(attempts.length);
    expect(reachedOf(outcomes)).toEqual([]);
    expect(network.reached).toEqual([]);
    // Refused and not only unanswered, so that an agent knows at once.
    expect(outcomes.filter(({ result }) => result === 'silence')).toEqual([]);

    const wanted = each(['tunnel', 'plain'], ['listed.example'], [80, 443]);
    expect(reachedOf(await from(deployment, network.endpoint, wanted))).toHaveLength(wanted.length);
    expect(new Set(network.reached)).toEqual(new Set([`${ADDRESSES.listed}:80`, `${ADDRESSES.listed}:443`]));
    expect(network.notices).toContainEqual({ kind: 'allowed', host: 'listed.example', port: 443 });
    expect(network.notices).toContainEqual({
      kind: 'refused',
      host: 'metadata.example',
      port: 80,
      reason: 'not_public',
    });
  }, 180_000);

  it('does not follow a name that leads elsewhere from one connection to the next', async () => {
    const deployment = await lab.fixture.prepared();
    network = await makeHostileNetwork(deployment.runId, ['rebinding.example', 'rebinding.example:5432']);
    const twice = [...each(['plain'], ['rebinding.example'], [80]), ...each(['plain'], ['rebinding.example'], [5432])];
    const [first, second] = await from(deployment, network.endpoint, twice);
    expect(NAMES['rebinding.example']).toHaveLength(2);
    expect([first?.result, second?.result]).toEqual(['reached', 'HTTP/1.1 403 Forbidden']);
    expect(network.reached).toEqual([`${ADDRESSES.listed}:80`]);
  }, 120_000);

  it('leads to every public host where the list is "*", and to nothing else', async () => {
    const deployment = await lab.fixture.prepared();
    network = await makeHostileNetwork(deployment.runId, ['*', '*:5432', '*:6379', '*:3000']);
    const names = Object.keys(NAMES).filter((name) => name !== 'rebinding.example');
    const outcomes = await from(deployment, network.endpoint, [
      ...each(['tunnel'], names, [80, ...Object.values(SERVICES)]),
      ...each(['tunnel'], Object.values(ADDRESSES), [80]),
    ]);
    const reached = [...new Set(outcomes.filter(({ result }) => result === 'reached').map(({ host }) => host))];
    expect(reached.sort()).toEqual([ADDRESSES.listed, ADDRESSES.unlisted, 'listed.example', 'unlisted.example'].sort());
    expect(new Set(network.reached)).toEqual(new Set([`${ADDRESSES.listed}:80`, `${ADDRESSES.unlisted}:80`]));
  }, 120_000);

  it.each([
    ['an agent', 'allowlist'],
    ['an agent', 'none'],
    ['a verifying program', 'allowlist'],
    ['a verifying program', 'none'],
  ])(
    'lets %s open no socket below TCP and UDP, of no other kind, and no other way around it: %s',
    async (who, mode) => {
      const raw = compileRawSockets();
      const deployment = await lab.fixture.prepared();
      network = await makeHostileNetwork(deployment.runId, ['*']);
      const addresses = [...ownAddresses(), '127.0.0.1', ...Object.values(ADDRESSES)];
      const reach = mode === 'none' ? ({ kind: 'none' } as const) : network.endpoint;
      const probe = {
        image,
        command: ['node', '-e', RAW_PROBE],
        env: { RAW: readFileSync(raw.program, 'base64'), ADDRESSES: JSON.stringify(addresses) },
      };
      rmSync(raw.folder, { recursive: true });
      const output =
        who === 'an agent'
          ? await outputOfAgent({ ...deployment, network: reach }, probe)
          : await outputOfProgram(deployment, { ...probe, network: reach, timeLimitMs: 60_000 });
      const lines = output.trim().split('\n');
      expect(lines.at(-1)).toBe('done');
      expect(lines.length).toBeGreaterThan(addresses.length + 30);
      // What every agent may do, which shows that the attempts are some.
      const usual = ['127.0.0.1 ping', 'list of interfaces', ...(lines.includes('i386: done') ? ['i386 tcp'] : [])];
      expect(workedOf(output).sort()).toEqual(usual.sort());
      expect(lines).toContain('vsock: Address family not supported by protocol');
      // One process that had them all would open them for the others: as the same user they may tell it to.
      const filters = lines.flatMap((line) => /^process .*: (\d+) filters$/.exec(line)?.[1] ?? []).map(Number);
      expect(filters.length).toBeGreaterThanOrEqual(3);
      expect(Math.min(...filters)).toBeGreaterThan(await filtersOfEngine());
      expect(network.reached).toEqual([]);
    },
    120_000,
  );

  async function outputOfAgent(deployment: DeploymentSpec, probe: Pick<AgentSpec, 'image' | 'command' | 'env'>) {
    const handle = await lab.fixture.ensure(deployment, { ...lab.fixture.agent('solo', { does: 'cat' }), ...probe });
    const reader = await lab.fixture.read(handle);
    await reader.toEnd();
    return reader.lines.map((line) => line.text).join('\n');
  }

  async function outputOfProgram(deployment: DeploymentSpec, probe: Partial<ProgramSpec>): Promise<string> {
    const program = { ...lab.fixture.program({ does: 'echo' }), ...probe };
    return (await lab.runtime.runProgram(deployment, program, new AbortController().signal)).output;
  }

  /** By the engine's own profile. */
  async function filtersOfEngine(): Promise<number> {
    const { SecurityOptions: options } = (await lab.docker.info()) as { SecurityOptions: string[] };
    return options.some((option) => option.startsWith('name=seccomp')) ? 1 : 0;
  }

  it('leads nowhere where it is none', async () => {
    const deployment = await lab.fixture.prepared();
    const attempts = each(['direct', 'udp'], [...ownAddresses(), '127.0.0.1', ADDRESSES.metadata], [machinePort, 53]);
    const outcomes = await from(deployment, { kind: 'none' }, attempts);
    expect(reachedOf(outcomes)).toEqual([]);
  }, 120_000);
});
